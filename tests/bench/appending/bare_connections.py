"""What the bare contestants share: a connection of asyncpg for each writer, and one table numbered by a sequence."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import uvloop

from tests.bench.appending.contest import WARM_UP_SECONDS, Contested

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

TABLE = """
create table if not exists bare_events (
    position bigserial primary key, stream uuid not null, version integer not null,
    type text not null, data text not null, unique (stream, version)
)
"""
TYPE = "milestone.reforecast"

# Writes to a stream of its own until an instant of the monotonic clock; returns how many events.
Write = Callable[[Connection, UUID, float], Awaitable[int]]


def contested(write: Write, dsn: str, writers: int, seconds: float) -> Contested:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_contested(write, dsn, writers, seconds))


async def _contested(write: Write, dsn: str, writers: int, seconds: float) -> Contested:
    connections = [await asyncpg.connect(dsn) for _ in range(writers)]
    try:
        await connections[0].execute(TABLE)
        before, _, _ = await _run(write, connections, WARM_UP_SECONDS)
        return Contested(before, *await _run(write, connections, seconds))
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


async def _run(write: Write, connections: list[Connection], seconds: float) -> tuple[int, float, float]:
    started, processor = time.monotonic(), time.process_time()
    until = started + seconds
    counts = await asyncio.gather(*(write(connection, uuid4(), until) for connection in connections))
    return sum(counts), time.monotonic() - started, time.process_time() - processor

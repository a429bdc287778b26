"""The yardstick: a bare insert with asyncpg, a connection for each writer, numbered by a sequence that has gaps."""

import asyncio
import time
from uuid import UUID, uuid4

import asyncpg
import uvloop

from tests.bench.appending.contest import WARM_UP_SECONDS, Contested
from tests.bench.appending.load import reforecast

TABLE = """
create table if not exists one_statement_events (
    position bigserial primary key, stream uuid not null, version integer not null,
    type text not null, data text not null, unique (stream, version)
)
"""
INSERT = "insert into one_statement_events (stream, version, type, data) values ($1, $2, $3, $4) returning position"


def append(dsn: str, writers: int, seconds: float) -> Contested:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_append(dsn, writers, seconds))


async def _append(dsn: str, writers: int, seconds: float) -> Contested:
    connections = [await asyncpg.connect(dsn) for _ in range(writers)]
    try:
        await connections[0].execute(TABLE)
        before, _, _ = await _run(connections, WARM_UP_SECONDS)
        return Contested(before, *await _run(connections, seconds))
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


async def _run(
    connections: "list[asyncpg.Connection[asyncpg.Record]]", seconds: float
) -> tuple[int, float, float]:
    started, processor = time.monotonic(), time.process_time()
    until = started + seconds
    counts = await asyncio.gather(*(_write(connection, uuid4(), until) for connection in connections))
    return sum(counts), time.monotonic() - started, time.process_time() - processor


async def _write(connection: "asyncpg.Connection[asyncpg.Record]", stream: UUID, until: float) -> int:
    version = 0
    while time.monotonic() < until:
        data = reforecast(version).model_dump_json(exclude_none=True)
        await connection.fetchval(INSERT, stream, version + 1, "milestone.reforecast", data)
        version += 1
    return version

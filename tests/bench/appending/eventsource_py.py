"""Another peer: `eventsource-py` from PyPI with its PostgreSQL store, asynchronous over SQLAlchemy and asyncpg."""

import asyncio
import time
from datetime import date
from uuid import UUID, uuid4

import uvloop
from eventsource import DomainEvent
from eventsource.adapters.postgresql import PostgreSQLEventStore
from eventsource.domain.stream_id import StreamId
from eventsource.ports.positions import ExpectedVersion
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.events.schedule import Cause
from tests.bench.appending.contest import WARM_UP_SECONDS, Contested
from tests.bench.appending.load import reforecast

CATEGORY = "Milestone"


class MilestoneReforecast(DomainEvent):
    aggregate_type: str = CATEGORY
    forecast_on_before: date
    forecast_on: date
    reason: str
    caused_by: tuple[Cause, ...]


def append(dsn: str, writers: int, seconds: float) -> Contested:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_append(dsn, writers, seconds))


async def _append(dsn: str, writers: int, seconds: float) -> Contested:
    engine = create_async_engine(
        dsn.replace("postgresql://", "postgresql+asyncpg://"), pool_size=writers, max_overflow=0
    )
    try:
        before, _, _ = await _run(engine, writers, WARM_UP_SECONDS)
        return Contested(before, *await _run(engine, writers, seconds))
    finally:
        await engine.dispose()


async def _run(engine: AsyncEngine, writers: int, seconds: float) -> tuple[int, float, float]:
    store = PostgreSQLEventStore(engine, create_schema=True)
    started, processor = time.monotonic(), time.process_time()
    counts = await asyncio.gather(*(_write(store, uuid4(), started + seconds) for _ in range(writers)))
    return sum(counts), time.monotonic() - started, time.process_time() - processor


async def _write(store: PostgreSQLEventStore, aggregate_id: UUID, until: float) -> int:
    stream = StreamId(aggregate_id, CATEGORY)
    version = 0
    while time.monotonic() < until:
        fields = dict(reforecast(version))
        event = MilestoneReforecast(aggregate_id=aggregate_id, aggregate_version=version + 1, **fields)
        await store.append(stream, [event], ExpectedVersion.exact(version))
        version += 1
    return version

"""Reading the log to catch up: over HTTP as other services do it, and straight from PostgreSQL, as it lies there."""

import asyncio
import time

from libs.chassis.postgres import Database
from libs.events.feed import PAGE_EVENTS_MAX, Feed
from libs.events.log.log import Log
from tests.bench.system import System


def read_over_http(system: System, events: int) -> float:
    """Envelopes a second, of the last events; blocking."""
    return asyncio.run(_read_over_http(system, events, system.head))


def read_bodies(system: System, events: int) -> float:
    """CloudEvents a second as bytes, of the last events; blocking."""
    return asyncio.run(_read_bodies(system, events, system.head))


async def _read_over_http(system: System, events: int, head: int) -> float:
    token = system.stack.settings("timeline")["MILEPOST_SERVICE_TOKEN"]
    async with Feed(system.stack.url("projects"), lambda: token) as feed:
        started, count = time.monotonic(), 0
        async for page in feed.pages(head - events):
            count += len(page)
    assert count == events
    return events / (time.monotonic() - started)


async def _read_bodies(system: System, events: int, head: int) -> float:
    dsn = system.stack.whereabouts.dsn("projects_service")
    database = await Database.connect(dsn, application_name="bench", connections_max=1)
    try:
        log, after = Log(database), head - events
        started = time.monotonic()
        while bodies := await log.read_bodies(after, PAGE_EVENTS_MAX):
            after += len(bodies)
    finally:
        await database.close()
    assert after == head
    return events / (time.monotonic() - started)

"""Milepost's log: grouped appends, gap-free positions, an outcome for each."""

import asyncio
import time
from uuid import uuid4

import uvloop
from uuid_utils.compat import uuid7

from libs.chassis.postgres import Database
from libs.events.envelope import stream_name
from libs.events.log.grouping import GroupedAppends
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from tests.bench.appending.contest import WARM_UP_SECONDS, Contested
from tests.bench.appending.load import reforecast

CONNECTIONS = 2
ORG_ID, ACTOR, PROJECT_ID = uuid4(), uuid4(), uuid4()
ANSWER = Answer(200, b"")


def append(dsn: str, writers: int, seconds: float) -> Contested:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_append(dsn, writers, seconds))


async def _append(dsn: str, writers: int, seconds: float) -> Contested:
    database = await Database.connect(dsn, application_name="bench", connections_max=CONNECTIONS)
    appends = GroupedAppends(Log(database))
    sending = asyncio.create_task(appends.run())
    try:
        before, _, _ = await _run(appends, writers, WARM_UP_SECONDS)
        return Contested(before, *await _run(appends, writers, seconds))
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await database.close()


async def _run(appends: GroupedAppends, writers: int, seconds: float) -> tuple[int, float, float]:
    started, processor = time.monotonic(), time.process_time()
    counts = await asyncio.gather(*(_write(appends, started + seconds) for _ in range(writers)))
    return sum(counts), time.monotonic() - started, time.process_time() - processor


async def _write(appends: GroupedAppends, until: float) -> int:
    stream = stream_name("milestone", uuid7())
    version = 0
    while time.monotonic() < until:
        event = NewEvent(uuid7(), stream, version + 1, PROJECT_ID, reforecast(version))
        recording = Recording(ORG_ID, ACTOR, (Expectation(stream, version),), (event,), ANSWER)
        outcome = await appends.append(recording)
        assert isinstance(outcome, Appended), outcome
        version += 1
    return version

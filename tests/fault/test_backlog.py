"""A backlog: consumers that begin at zero behind a long log reach its head, and nobody else is held up by that.

A hundred thousand events; `ROUND=soak` makes it a million. Figures are told; what is asserted about time means hung.
"""

import asyncio
import os
import time
from collections.abc import Iterator

from deploy.local.stack import Stack
from libs.chassis.postgres import Database
from libs.events.log.log import Log
from libs.events.log.recording import Appended, Recording
from tests.bench.copying import copy_log
from tests.bench.figures import percentile
from tests.bench.filling import recordings
from tests.bench.profiling import memory_mib
from tests.support.eventually import eventually
from tests.support.proof import evidence, invariants
from tests.support.proof.chaos.reporting import Report

EVENTS = 1_000_000 if os.environ.get("ROUND") == "soak" else 100_000
SECONDS_MAX = 120 + EVENTS / 250
MEMORY_MIB_MAX = 256


async def test_consumers_that_begin_at_zero_reach_the_head_and_hold_nobody_up(stack: Stack) -> None:
    report = Report("backlog", seed=0)
    report.counts["events"] = EVENTS
    for service in ("timeline", "notifications"):
        await asyncio.to_thread(stack.processes[service].stop)
    await copy_log(stack.whereabouts.database_dsn("projects"), EVENTS)

    started = time.monotonic()
    await asyncio.to_thread(stack.start_service, "notifications", wait=False)
    await _reaches(stack, "notifications", EVENTS)
    report.counts["seconds of notifications, its start and the relay's work included"] = _since(started)

    started = time.monotonic()
    await asyncio.to_thread(stack.start_service, "timeline", wait=False)
    lags, memory = await _others_go_on_until_timeline_is_there(stack)
    report.counts["seconds of timeline, its start included"] = _since(started)
    report.counts["MiB of timeline at most"] = round(memory)
    report.counts["events of others meanwhile"] = len(lags)
    report.counts["seconds until notifications had applied one, p50"] = round(percentile(lags, 0.5), 3)
    report.counts["seconds until notifications had applied one, p99"] = round(percentile(lags, 0.99), 3)
    report.tell()
    assert memory <= MEMORY_MIB_MAX

    await invariants.converged(stack)
    await invariants.nothing_is_parked(stack)
    await invariants.all_is_made_of_the_log(stack)


async def _others_go_on_until_timeline_is_there(stack: Stack) -> tuple[list[float], float]:
    """How long notifications took for each event appended while timeline caught up, in order; timeline's memory."""
    database = await Database.connect(stack.whereabouts.dsn("projects_service"), application_name="backlog")
    lags, memory, log, history = [], 0.0, Log(database), recordings()
    deadline = time.monotonic() + SECONDS_MAX
    try:
        while await _position(stack, "timeline") < EVENTS:
            assert time.monotonic() < deadline, "timeline hangs"
            lags.append(await _applied_after(stack, log, history))
            memory = max(memory, memory_mib(stack.processes["timeline"].pid))
    finally:
        await database.close()
    return sorted(lags), memory


async def _applied_after(stack: Stack, log: Log, history: Iterator[Recording]) -> float:
    """Append an event; the seconds until notifications has applied it."""
    (outcome,) = await log.append([next(history)])
    assert isinstance(outcome, Appended)
    appended = time.monotonic()
    await _reaches(stack, "notifications", outcome.position)
    return time.monotonic() - appended


async def _reaches(stack: Stack, service: str, position: int) -> None:
    async def is_there() -> None:
        assert await _position(stack, service) >= position

    await eventually(is_there, SECONDS_MAX, every=0.02)


async def _position(stack: Stack, service: str) -> int:
    return min((await evidence.checkpoints(stack, service)).values(), default=0)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)

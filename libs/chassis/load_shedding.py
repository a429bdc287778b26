"""When there is more work than the process can do, new requests are turned away while old ones are finished.

What counts is how late the event loop has been all the time, not at one moment: a single stall sheds nothing. And no
organization reads so much at a time that others wait for it.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from libs.chassis.problems import Problem

INTERVAL_SECONDS = 0.1
INTERVALS = 10
ALARM_SECONDS = 0.25
RETRY_SECONDS = 1
ACQUIRE_SECONDS = 2.0

LOOP_LAG_SECONDS = Gauge("milepost_event_loop_lag_seconds", "How late the event loop ran a timer just now.")
SHED = Counter("milepost_http_requests_shed_total", "Requests refused because the process is overloaded.")
READS_REFUSED = Counter(
    "milepost_organization_reads_refused_total",
    "Reads refused because their organization had its share under way.",
)

log = structlog.get_logger(__name__)


class LoopLag:
    """How late the event loop is. `standing_seconds` is the least lag of the last second, which no burst explains."""

    def __init__(self) -> None:
        self.standing_seconds = 0.0
        self._recent: deque[float] = deque([0.0] * INTERVALS, maxlen=INTERVALS)

    def record(self, lag_seconds: float) -> None:
        """Take note of how late a timer was."""
        self._recent.append(lag_seconds)
        self.standing_seconds = min(self._recent)
        LOOP_LAG_SECONDS.set(lag_seconds)
        if lag_seconds > ALARM_SECONDS:
            log.warning("event_loop_blocked", lag_seconds=round(lag_seconds, 3))

    async def watch(self) -> None:
        """Measure for ever."""
        while True:
            started = time.monotonic()
            await asyncio.sleep(INTERVAL_SECONDS)
            self.record(max(0.0, time.monotonic() - started - INTERVAL_SECONDS))


# How long a unit of work waits for a connection; set while a request is answered.
POOL_PATIENCE_SECONDS: ContextVar[float] = ContextVar("pool patience")
# A process has one event loop.
LOOP_LAG = LoopLag()


def overloaded() -> Problem:
    """The 503 of a request that is turned away; counted."""
    SHED.inc()
    return Problem(503, "overloaded", headers={"Retry-After": str(RETRY_SECONDS)})


class TooManyReads(TimeoutError):
    """An organization reads as much at a time as it may, and none of that ended in time."""


@dataclass(slots=True)
class _Share:
    turns: asyncio.Semaphore
    readers: int = 0


class ReadShares:
    """Lets each organization have `reads_max` reads under way, and no more; `None`: as many as it likes.

    Who has its share waits for its own reads, no longer than for a connection; nobody else waits for it. With fewer
    than there are connections, one is always left for others.
    """

    def __init__(self, reads_max: int | None) -> None:
        self._reads_max = reads_max
        self._shares: dict[UUID, _Share] = {}

    @contextlib.asynccontextmanager
    async def turn(self, org_id: UUID) -> AsyncIterator[None]:
        """Read while the block lasts; raises `TooManyReads`."""
        if self._reads_max is None:
            yield
            return
        share = self._shares.get(org_id)
        if share is None:
            share = self._shares[org_id] = _Share(asyncio.Semaphore(self._reads_max))
        share.readers += 1
        try:
            await _take(share.turns)
            try:
                yield
            finally:
                share.turns.release()
        finally:
            share.readers -= 1
            if not share.readers:
                del self._shares[org_id]


async def _take(turns: asyncio.Semaphore) -> None:
    patience_seconds = POOL_PATIENCE_SECONDS.get(ACQUIRE_SECONDS)
    try:
        async with asyncio.timeout(patience_seconds):
            await turns.acquire()
    except TimeoutError as error:
        READS_REFUSED.inc()
        raise TooManyReads(f"no read of the organization ended in {patience_seconds} s") from error

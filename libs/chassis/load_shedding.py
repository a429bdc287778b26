"""When there is more work than the process can do, new requests are turned away while old ones are finished.

What counts is how late the event loop has been all the time, not at one moment: a single stall sheds nothing.
"""

import asyncio
import time
from collections import deque
from contextvars import ContextVar

import structlog
from prometheus_client import Counter, Gauge

from libs.chassis.problems import Problem

INTERVAL_SECONDS = 0.1
INTERVALS = 10
ALARM_SECONDS = 0.25
RETRY_SECONDS = 1

LOOP_LAG_SECONDS = Gauge("milepost_event_loop_lag_seconds", "How late the event loop ran a timer just now.")
SHED = Counter("milepost_http_requests_shed_total", "Requests refused because the process is overloaded.")

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

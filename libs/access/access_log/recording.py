"""The access log's writer: requests leave entries in a bounded queue, one loop writes them; nobody ever waits."""

import asyncio
import contextlib
import time
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from uuid import UUID

import structlog
from prometheus_client import Counter

from libs.access.access_log.entries import Entry, entry_of, insert
from libs.chassis.noting import Answered
from libs.chassis.organizations import Organizations
from libs.chassis.sessions import is_transient

MIGRATIONS = Path(__file__).parent / "migrations"
QUEUED_MAX = 10_000
BATCH_ENTRIES_MAX = 500
GATHERING_SECONDS = 0.2
RETRY_SECONDS = 1.0
LAST_WRITE_SECONDS = 1.5
# What one actor is denied beyond this within a minute is counted, not written: nobody can fill the log.
DENIED_PER_MINUTE = 60
ACTORS_COUNTED_MAX = 10_000
TELL_SECONDS = 10.0
FORGETTING_SECONDS = 3_600.0
PORTION = 1_000

DENIED = Counter("milepost_access_denied_total", "Requests that were denied.", ["status"])
WRITTEN = Counter("milepost_access_log_entries_total", "Entries written to the access log.")
LOST = Counter("milepost_access_log_lost_total", "Entries that were not written.", ["reason"])

log = structlog.get_logger(__name__)


class AccessLog:
    """Takes what the guard noted; `run` writes it, batch by batch, and forgets what is older than `kept_days`."""

    def __init__(
        self,
        organizations: Organizations,
        *,
        kept_days: int = 365,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.organizations = organizations
        self._kept_days = kept_days
        self._clock = clock
        self._queue: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self._denied: Counts[UUID] = Counts()
        self._minute = 0
        self._told_at = -TELL_SECONDS
        self._untold = 0

    def record(self, answered: Answered) -> None:
        """Take it for the log, if somebody is known who asked; see `AccessRecorder`."""
        if answered.status >= 400:
            DENIED.labels(str(answered.status)).inc()
        entry = entry_of(answered)
        if entry is None:
            self._tell_of_stranger()
        elif entry.kind == "denied" and self._is_flooding(entry.actor):
            LOST.labels("flood").inc()
        elif len(self._queue) >= QUEUED_MAX:
            LOST.labels("overflow").inc()
            self._arrived.set()
        else:
            self._queue.append(entry)
            self._arrived.set()

    async def run(self) -> None:
        """Write for ever; once more, briefly, when cancelled."""
        forgetting = asyncio.create_task(self._forget(), name="forgetting the access log")
        try:
            while True:
                await self._arrived.wait()
                await asyncio.sleep(GATHERING_SECONDS)
                self._arrived.clear()
                await self._write_until_done()
        finally:
            forgetting.cancel()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self.write()

    async def write(self) -> None:
        """Write what waits. What fails stays in the queue, unless it could never be written."""
        while self._queue:
            batch = list(islice(self._queue, BATCH_ENTRIES_MAX))
            of_organization: dict[UUID, list[Entry]] = {}
            for entry in batch:
                of_organization.setdefault(entry.org_id, []).append(entry)
            for org_id, entries in of_organization.items():
                await self._write_one(org_id, entries)
            for _ in batch:
                self._queue.popleft()

    async def _write_one(self, org_id: UUID, entries: list[Entry]) -> None:
        try:
            async with self.organizations.transaction(org_id) as connection:
                await insert(connection, org_id, entries)
        except Exception as error:
            if is_transient(error):
                raise
            LOST.labels("refused").inc(len(entries))
            log.exception("access_log_refused_entries", entries=len(entries))
        else:
            WRITTEN.inc(len(entries))

    async def _write_until_done(self) -> None:
        was_failing = False
        while True:
            try:
                await self.write()
                return
            except Exception as error:
                if not was_failing:
                    log.warning("access_log_waits", error=type(error).__name__, entries=len(self._queue))
                was_failing = True
            await asyncio.sleep(RETRY_SECONDS)

    async def _forget(self) -> None:
        while True:
            try:
                async with self.organizations.nobody() as connection:
                    removed = await connection.fetchval(
                        "select forget_access_log($1, $2)", self._kept_days, PORTION
                    )
            except Exception as error:
                log.warning("access_log_not_forgotten", error=type(error).__name__)
                removed = 0
            await asyncio.sleep(1.0 if removed == PORTION else FORGETTING_SECONDS)

    def _is_flooding(self, actor: UUID | None) -> bool:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._denied.clear()
        if actor is None or (actor not in self._denied and len(self._denied) >= ACTORS_COUNTED_MAX):
            return True
        self._denied[actor] += 1
        return self._denied[actor] > DENIED_PER_MINUTE

    def _tell_of_stranger(self) -> None:
        self._untold += 1
        if self._clock() - self._told_at >= TELL_SECONDS:
            log.warning("strangers_denied", requests=self._untold)
            self._told_at, self._untold = self._clock(), 0

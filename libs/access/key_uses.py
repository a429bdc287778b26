"""When API keys were last used: noted in memory by whoever lets one in, and told in the background.

Nobody ever waits for it. A key that rested is told within a second or two, one in use once a minute.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter

LOOK_SECONDS = 1.0
EVERY_SECONDS = 60.0
RETRY_SECONDS = 5.0
LAST_SECONDS = 1.5
KEYS_MAX = 10_000
PORTION = 1_000

LOST = Counter(
    "milepost_key_uses_lost_total", "Uses of API keys that were told nobody: too many keys waited."
)

log = structlog.get_logger(__name__)

Key = tuple[UUID, UUID]
# Takes note of a use: organization, key, and the instant, aware and in UTC. Never waits and never raises.
NoteUse = Callable[[UUID, UUID, datetime], None]


class KeyUse(NamedTuple):
    """A key, and when it was used last."""

    org_id: UUID
    api_key_id: UUID
    used_at: datetime


class Told(Protocol):
    """Who wants to know."""

    async def tell(self, uses: Sequence[KeyUse]) -> None:
        """Remember up to `PORTION` uses; raises where they have to be told again."""

    async def close(self) -> None:
        """Nothing will be told any more."""


class KeyUses:
    """The uses one process has seen. `note` them, and `run` it in one task; `clock` is monotonic, in seconds."""

    def __init__(self, told: Told, clock: Callable[[], float] = time.monotonic) -> None:
        self._to = told
        self._clock = clock
        self._waiting: dict[Key, datetime] = {}
        self._told_at: dict[Key, float] = {}

    def note(self, org_id: UUID, api_key_id: UUID, used_at: datetime) -> None:
        """A key was used; see `NoteUse`."""
        key = (org_id, api_key_id)
        if key not in self._waiting and len(self._waiting) >= KEYS_MAX:
            LOST.inc()
            return
        self._waiting[key] = used_at

    async def run(self) -> None:
        """Tell for ever; once more, briefly, when cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                await self._tell_until_told()
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._tell(self._waiting)
            await self._to.close()

    async def tell_due(self) -> None:
        """Tell of every key that was used since it was told, but for those told within the last minute."""
        since = self._clock() - EVERY_SECONDS
        self._told_at = {key: told_at for key, told_at in self._told_at.items() if told_at > since}
        await self._tell(key for key in self._waiting if key not in self._told_at)

    async def _tell_until_told(self) -> None:
        was_failing = False
        while True:
            try:
                await self.tell_due()
                return
            except Exception as error:
                if not was_failing:
                    log.warning(
                        "key_uses_wait", error=f"{type(error).__name__}: {error}", keys=len(self._waiting)
                    )
                was_failing = True
            await asyncio.sleep(RETRY_SECONDS)

    async def _tell(self, keys: Iterable[Key]) -> None:
        due = [KeyUse(*key, self._waiting[key]) for key in keys]
        for first in range(0, len(due), PORTION):
            portion = due[first : first + PORTION]
            await self._to.tell(portion)
            self._forget(portion)

    def _forget(self, told: Sequence[KeyUse]) -> None:
        """What was told waits no more, unless the key was used again meanwhile."""
        now = self._clock()
        for org_id, api_key_id, used_at in told:
            self._told_at[org_id, api_key_id] = now
            if self._waiting[org_id, api_key_id] == used_at:
                del self._waiting[org_id, api_key_id]

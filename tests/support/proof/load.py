"""Load: a few dozen clients that quarrel over the same milestones and issues, hang up, and ask again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from tests.support.eventually import eventually
from tests.support.proof.ledger import Fate
from tests.support.proof.sayings import anything
from tests.support.proof.sending import Sender
from tests.support.proof.world import World

CLIENTS = 24
LAST_WORDS_SECONDS_MAX = 90
PROGRESS_SECONDS_MAX = 60
HANG_UP_SHARE = 0.04
PACE_SECONDS = 0.05
ASK_AGAIN_SHARE = 0.04


@dataclass
class Load:
    """Clients that command as fast as they are answered (or as `per_second` says), until the block ends.

    Then each settles its last command.
    """

    world: World
    sender: Sender
    clients: int = CLIENTS
    chance: Random = field(default_factory=Random)
    per_second: float | None = None
    """How many commands are acknowledged on average, as far as the system is there; else as many as it takes."""

    def __post_init__(self) -> None:
        self._ending = asyncio.Event()
        self._began = time.monotonic()
        self._acknowledged_before = self.sender.ledger.acknowledged

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        tasks = [asyncio.create_task(self._client(number)) for number in range(self.clients)]
        try:
            yield self
            self._ending.set()
            async with asyncio.timeout(LAST_WORDS_SECONDS_MAX):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def acknowledges(self, more: int) -> None:
        """Return once so many more commands were acknowledged."""
        ledger = self.sender.ledger
        goal = ledger.acknowledged + more

        def enough() -> None:
            assert ledger.acknowledged >= goal, f"stuck: {ledger.summary()}"

        await eventually(enough, PROGRESS_SECONDS_MAX)

    async def disturbed(self, more: int) -> None:
        """Return once so many more attempts have failed."""
        ledger = self.sender.ledger
        goal = sum(ledger.disturbances.values()) + more

        def enough() -> None:
            assert sum(ledger.disturbances.values()) >= goal, f"undisturbed: {ledger.summary()}"

        await eventually(enough, PROGRESS_SECONDS_MAX)

    async def _client(self, number: int) -> None:
        chance = Random(f"{self.chance.random()}/{number}")
        while not self._ending.is_set():
            place = chance.choice(self.world.places)
            command = anything(place, chance, self.world)
            hangs_up = chance.random() < HANG_UP_SHARE
            seconds = chance.uniform(0.001, 0.02) if hangs_up else None
            entry = await self.sender.settle(command, hang_up_seconds=seconds)
            if entry.fate is Fate.ACKNOWLEDGED and chance.random() < ASK_AGAIN_SHARE:
                await self.sender.ask_again(entry)
            await self._keep_pace()

    async def _keep_pace(self) -> None:
        while self.per_second is not None and not self._ending.is_set():
            due = self.per_second * (time.monotonic() - self._began)
            if self.sender.ledger.acknowledged - self._acknowledged_before <= due:
                return
            await asyncio.sleep(PACE_SECONDS)

"""Load: a few dozen clients that quarrel over the same milestones and issues, hang up, and ask again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from random import Random

from tests.support.eventually import eventually
from tests.support.proof.ledger import Asked, Fate
from tests.support.proof.sending import Sender
from tests.support.proof.world import STATES, Place, World, asked

CLIENTS = 24
LAST_WORDS_SECONDS_MAX = 90
PROGRESS_SECONDS_MAX = 60
HANG_UP_SHARE = 0.04
ASK_AGAIN_SHARE = 0.04
NOTHING_OR_ONE = frozenset({0, 1})
# Each forecast is another day, so that no reforecast is a repetition.
_days = count(1)


@dataclass
class Load:
    """Clients that command as fast as they are answered, until the block ends; then each settles its last command."""

    world: World
    sender: Sender
    clients: int = CLIENTS
    chance: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._ending = asyncio.Event()

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
            command = chance.choices(COMMANDS, WEIGHTS)[0](place, chance, self.world)
            hangs_up = chance.random() < HANG_UP_SHARE
            seconds = chance.uniform(0.001, 0.02) if hangs_up else None
            entry = await self.sender.settle(command, hang_up_seconds=seconds)
            if entry.fate is Fate.ACKNOWLEDGED and chance.random() < ASK_AGAIN_SHARE:
                await self.sender.ask_again(entry)


# --- What clients say ---

Saying = Callable[[Place, Random, World], Asked]


def reforecast(place: Place, chance: Random, _: World) -> Asked:
    day = date(2027, 1, 1) + timedelta(days=next(_days))
    return _of_milestone(place, chance, "reforecast", "reason", forecast_on=day.isoformat())


def achieve(place: Place, chance: Random, _: World) -> Asked:
    day = date(2026, 1, 1) - timedelta(days=chance.randrange(300))
    return _of_milestone(place, chance, "achieve", "note", NOTHING_OR_ONE, achieved_on=day.isoformat())


def withdraw(place: Place, chance: Random, _: World) -> Asked:
    return _of_milestone(place, chance, "withdraw-achievement", "reason")


def transition(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "transition", "note", state=chance.choice(STATES))


def transition_nowhere(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "transition", "note", state="Nowhere")


def comment(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "comment", "text")


def block(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "block", "reason")


def unblock(place: Place, chance: Random, _: World) -> Asked:
    return _of_issue(place, chance, "unblock", "reason", NOTHING_OR_ONE)


def triage(place: Place, chance: Random, _: World) -> Asked:
    priority = chance.choice(("low", "medium", "high", "critical"))
    return _of_issue(place, chance, "triage", "note", NOTHING_OR_ONE, priority=priority)


def move(place: Place, chance: Random, world: World) -> Asked:
    target = chance.choice(world.neighbors(place)).project_id
    return _of_issue(place, chance, "move", "reason", frozenset({0, 2}), project_id=str(target))


COMMANDS: tuple[Saying, ...] = (
    *(reforecast, achieve, withdraw, transition, transition_nowhere),
    *(comment, block, unblock, triage, move),
)
WEIGHTS = (35, 3, 3, 24, 2, 18, 4, 4, 4, 3)
ONE = frozenset({1})


def _of_milestone(
    place: Place, chance: Random, verb: str, words: str, events: frozenset[int] = ONE, **body: str
) -> Asked:
    milestone_id = chance.choice(place.milestones)
    actor = chance.choice(place.organization.people)
    path = f"/v1/milestones/{milestone_id}/{verb}"
    return asked(place.organization, actor, f"milestone-{milestone_id}", path, words, events=events, **body)


def _of_issue(
    place: Place, chance: Random, verb: str, words: str, events: frozenset[int] = ONE, **body: str
) -> Asked:
    issue_id = chance.choice(place.issues)
    actor = chance.choice(place.organization.people)
    path = f"/v1/issues/{issue_id}/{verb}"
    return asked(place.organization, actor, f"issue-{issue_id}", path, words, events=events, **body)

"""The examples that strangers copy: killed at random under load, they lose nothing and do nothing twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.local.stack import Stack
from tests.end_to_end.people import Person
from tests.support.consumers import ExampleConsumer, kill, python_program, typescript_program
from tests.support.eventually import eventually

# An API key may enter NATS six times in a minute's burst, so its consumer is killed less often.
KILLS, LIFETIME_SECONDS_MAX = 20, 0.4
KILLS_OVER_NATS, LIFETIME_OVER_NATS_SECONDS_MAX = 5, 1.0
CATCH_UP_SECONDS_MAX = 60

LANGUAGES = pytest.mark.parametrize(
    "program", [python_program, typescript_program], ids=["python", "typescript"]
)
Program = Callable[[str], tuple[str | Path, ...]]


class Load:
    """Commands in two projects, one of which an API key may see: what happens there is in `seen`."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.seen: list[tuple[int, str]] = []
        self.stopping = asyncio.Event()

    async def begin(self) -> str:
        """Propose both projects; the key."""
        self._project_id = (await self._says("projects", name="Seen"))["project_id"]
        # Who proposes a project becomes its manager: two events, the answer names the position of the last.
        self._note("project.proposed", "project_member.joined")
        self._other_project_id = (await self._says("projects", name="Not seen"))["project_id"]
        wish = {"name": "Example", "scopes": ["read"], "project_ids": [self._project_id]}
        key: str = (await self._says("api-keys", **wish))["secret"]
        return key

    async def go_on(self) -> None:
        """Plan milestones in both projects and move them, until `stopping`."""
        while not self.stopping.is_set():
            for project_id in (self._project_id, self._other_project_id):
                made = await self._says(
                    "milestones", project_id=project_id, name="Next", target_on="2027-01-31"
                )
                is_seen = project_id == self._project_id
                if is_seen:
                    self._note("milestone.planned")
                path = f"milestones/{made['milestone_id']}/reforecast"
                await self._says(path, forecast_on="2027-02-28", reason="It takes longer")
                if is_seen:
                    self._note("milestone.reforecast")

    async def _says(self, path: str, **wish: Any) -> dict[str, Any]:
        return await self._person.says(path, **wish)

    def _note(self, *event_types: str) -> None:
        first = self._person.position - len(event_types) + 1
        self.seen += enumerate(event_types, start=first)


@asynccontextmanager
async def going_on(load: Load) -> AsyncIterator[None]:
    """Commands while the block lasts; every one of them is answered when it is over."""
    running = asyncio.create_task(load.go_on())
    try:
        yield
    finally:
        load.stopping.set()
        await running


async def found(stack: Stack, owner: Person) -> None:
    """Only an organization that was founded has keys."""
    founding = ("found", str(owner.org_id), "--name", "Example", "--owner", str(owner.actor))
    assert await asyncio.to_thread(stack.call, "projects", "organization", *founding) == 0


@LANGUAGES
@pytest.mark.parametrize("way", ["from_feed", "from_stream", "from_nats"])
async def test_a_consumer_that_is_killed_at_random_loses_nothing_and_does_nothing_twice(
    end_to_end: Stack, owner: Person, program: Program, way: str, tmp_path: Path
) -> None:
    await found(end_to_end, owner)
    load = Load(owner)
    key = await load.begin()
    nats = urlsplit(end_to_end.nats.url("relay"))
    settings = {
        "MILEPOST_PROJECTS_URL": end_to_end.url("projects"),
        "MILEPOST_NATS_URL": f"nats://{nats.hostname}:{nats.port}",
        "MILEPOST_API_KEY": key,
    }
    consumer = ExampleConsumer(await asyncio.to_thread(program, way), settings, tmp_path)
    over_nats = way == "from_nats"
    kills = KILLS_OVER_NATS if over_nats else KILLS
    lifetime = LIFETIME_OVER_NATS_SECONDS_MAX if over_nats else LIFETIME_SECONDS_MAX
    async with going_on(load):
        await consumer.killed_again_and_again(kills, random.Random(way), lifetime)

    def has_caught_up() -> None:
        assert consumer.effects()[-1:] == load.seen[-1:], consumer.said()

    process = await consumer.start()
    try:
        await eventually(has_caught_up, seconds=CATCH_UP_SECONDS_MAX, every=0.2)
    finally:
        await kill(process)
    assert consumer.effects() == load.seen

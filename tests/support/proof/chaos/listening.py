"""People who listen through the bad days: readers of the stream of events, and what they must have heard in the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.local.stack import Stack
from tests.support.eventually import eventually
from tests.support.faithful import Faithful
from tests.support.proof import evidence
from tests.support.proof.campaign import Campaign
from tests.support.proof.world import Place

HEARD_SECONDS_MAX = 60
STREAMS_OF_PERSON = 4


@dataclass
class Reader:
    """`project_id` is the one it follows, `None` for all of its organization."""

    org_id: str
    project_id: str | None
    heard: Faithful

    def should_have_heard(self, log: Sequence[evidence.Row]) -> list[int]:
        return [
            event["position"]
            for event in log
            if event["org_id"] == self.org_id and self.project_id in (None, event["project_id"])
        ]


@asynccontextmanager
async def readers(campaign: Campaign, count: int) -> AsyncIterator[list[Reader]]:
    """Every other one follows one project; each person has a few streams open."""
    reading = [_reader(campaign, number) for number in range(count)]
    tasks = [asyncio.create_task(reader.heard.read()) for reader in reading]
    try:
        yield reading
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reader(campaign: Campaign, number: int) -> Reader:
    organizations = campaign.world.organizations
    organization = organizations[number % len(organizations)]
    turn = number // len(organizations)
    token = campaign.token(organization.org_id, organization.people[turn // STREAMS_OF_PERSON])
    place: Place | None = None
    if turn % 2:
        places = [each for each in campaign.world.places if each.organization is organization]
        place = places[turn % len(places)]
    chosen = {} if place is None else {"project_id": str(place.project_id)}
    heard = Faithful(campaign.stack, token, after="0", **chosen)
    return Reader(str(organization.org_id), chosen.get("project_id"), heard)


async def everybody_has_heard_all(stack: Stack, reading: Sequence[Reader]) -> int:
    """Each event once, in order, up to the end of the log; returns how many were heard in all."""
    log = await evidence.log(stack)

    def complete() -> None:
        for reader in reading:
            wanted, heard = reader.should_have_heard(log), reader.heard.positions
            assert heard == wanted, _difference(wanted, heard)

    await eventually(complete, HEARD_SECONDS_MAX, every=0.5)
    return sum(len(reader.heard.positions) for reader in reading)


def _difference(wanted: Sequence[int], heard: Sequence[int]) -> str:
    for number, (one, other) in enumerate(zip(wanted, heard, strict=False)):
        if one != other:
            return f"heard {list(heard[number : number + 5])} instead of {list(wanted[number : number + 5])}"
    return f"heard {len(heard)} events instead of {len(wanted)}"

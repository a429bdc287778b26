"""A system that was busy while the checker looked on, and then came to rest, so that its copies can be damaged."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import pytest_asyncio

from deploy.local import programs
from deploy.local.founding import found_organization
from deploy.local.stack import Stack
from services.projects.verifying.findings import Report
from services.projects.verifying.verifying import verify
from tests.end_to_end.people import somebody
from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import campaign as begun
from tests.support.proof.damage import AtRest
from tests.support.proof.load import Load
from tests.support.stacks import running_stack

CLIENTS, MEANWHILE = 3, 2


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest_asyncio.fixture(scope="package")
async def busy(stack: Stack) -> AsyncIterator[list[Report]]:
    """What the checker said while clients quarreled; then all was told and delivered."""
    async with begun(stack) as campaign:
        before = await evidence.head(stack)
        await asyncio.to_thread(found_organization, stack.whereabouts)
        await people_come_and_go(stack)
        campaign.foreign.update(range(before + 1, await evidence.head(stack) + 1))
        reports = []
        async with Load(campaign.world, campaign.sender, CLIENTS, campaign.chance).running() as load:
            for _ in range(MEANWHILE):
                await load.acknowledges(30)
                reports.append(await verify(invariants.places(stack)))
        await campaign.everything_holds()
        yield reports


async def people_come_and_go(stack: Stack) -> None:
    """What the load of campaigns does not do: members, their roles, an API key, and somebody who follows them."""
    async with somebody(stack) as owner:
        await owner.wishes("subscriptions", kinds=["member.*", "api_key.*"], mute_own=False)
        project_id = (await owner.says("projects", name="Apollo"))["project_id"]
        member_id = str(uuid4())
        await owner.says("members", member_id=member_id, role="member")
        await owner.says(f"members/{member_id}/join-project", project_id=project_id, role="contributor")
        key = await owner.says("api-keys", name="Nightly report", scopes=["read"])
        await owner.says(f"api-keys/{key['api_key_id']}/rotate")


@pytest.fixture(scope="package")
def at_rest(stack: Stack, busy: list[Report]) -> AtRest:
    for service in programs.SERVICES:
        stack.processes[service].stop()
    return AtRest(stack)

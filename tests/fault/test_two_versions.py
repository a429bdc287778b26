"""Two versions at once: what an older program does not know yet waits for its deploy, and nothing else does."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx2
import pytest
import pytest_asyncio

from deploy.local.programs import SERVICES
from libs.events.parking import project_sequence
from tests.fault.planted.copying import change, copied
from tests.fault.planted.newer import NEWER
from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.campaign import Campaign
from tests.support.proof.campaign import campaign as begun
from tests.support.proof.load import Load
from tests.support.proof.newer import waits_for_a_deploy, waits_no_more
from tests.support.proof.poison import others_go_on
from tests.support.proof.sayings import comment
from tests.support.proof.sending import Sender
from tests.support.proof.versions import VersionedStack, versioned_stack
from tests.support.proof.world import Place, World

CONSUMERS = ("timeline", "notifications")
OTHERS_LAG_SECONDS_MAX = 2.0
SAMPLES = 20
COMMANDS_PER_SECOND = 40
TOLD_BY_A_NEWER_PROGRAM = """
    select array_agg(distinct stream) from events
    where type = 'milestone.achievement_revoked' or schema_version = 2
"""


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of tomorrow."""
    copy = copied(tmp_path_factory.mktemp("newer"))
    change(copy, NEWER)
    return copy


@pytest.fixture
def stack(newer: Path) -> Iterator[VersionedStack]:
    with versioned_stack(newer) as running:
        yield running


@pytest_asyncio.fixture
async def campaign(stack: VersionedStack) -> AsyncIterator[Campaign]:
    async with begun(stack) as running:
        running.is_made_of_the_log = lambda _: stack.is_verified()
        yield running


async def streams_of_newer_events(stack: VersionedStack) -> frozenset[str]:
    dsn = stack.whereabouts.database_dsn("projects")
    return frozenset(await evidence.value(dsn, TOLD_BY_A_NEWER_PROGRAM) or ())


async def deploy_everywhere(campaign: Campaign, stack: VersionedStack, *, newer: bool) -> None:
    """One service after the other, while clients and people go on."""
    for service in SERVICES:
        campaign.struck.add(service)
        await stack.deploy(service, newer=newer)
        campaign.struck.discard(service)


# --- A deploy that begins with projects ---


@asynccontextmanager
async def commanded_by_a_newer_program(
    campaign: Campaign, stack: VersionedStack, place: Place
) -> AsyncIterator[Load]:
    """Clients of a second projects, which is newer, in one project."""
    async with stack.newer_replica(campaign, "projects") as replica:
        sender = Sender([replica.url], campaign.ledger, campaign.token, Random(1))
        try:
            async with Load(World((place,)), sender, clients=6).running() as load:
                yield load
        finally:
            await sender.close()


async def lag_seconds(campaign: Campaign) -> float:
    """From the answer to a command until both consumers have applied what came of it."""
    world, chance = campaign.world, campaign.chance
    told = await campaign.sender.settle(comment(chance.choice(world.places), chance, world))
    answered, position = time.monotonic(), told.answers[0].position
    assert position is not None, told.answers

    async def is_applied() -> None:
        for service in CONSUMERS:
            assert min((await evidence.checkpoints(campaign.stack, service)).values()) >= position, service

    await eventually(is_applied, 30)
    return time.monotonic() - answered


async def test_a_project_with_newer_events_waits_for_the_deploy_and_no_other_does(
    campaign: Campaign, stack: VersionedStack
) -> None:
    place, *others = campaign.world.places
    sequence = project_sequence(place.project_id)
    campaign.parked.add(place.project_id)
    campaign.world = World(tuple(others))
    async with (
        commanded_by_a_newer_program(campaign, stack, place) as newer,
        campaign.under_load(COMMANDS_PER_SECOND),
    ):
        for service in CONSUMERS:
            await waits_for_a_deploy(campaign, service, sequence)
        await newer.acknowledges(100)
        lags = sorted([await lag_seconds(campaign) for _ in range(SAMPLES)])
    assert len(await streams_of_newer_events(stack)) == len(place.milestones)
    assert lags[SAMPLES * 9 // 10] <= OTHERS_LAG_SECONDS_MAX, lags
    await others_go_on(campaign, place, *CONSUMERS)

    async with campaign.under_load(COMMANDS_PER_SECOND) as load:
        for service in CONSUMERS:
            await stack.deploy(service, newer=True)
            await waits_no_more(campaign, service, sequence)
        await load.acknowledges(50)
    await campaign.everything_holds()


# --- A deploy half done ---


async def test_older_and_newer_programs_side_by_side_lose_nothing(
    campaign: Campaign, stack: VersionedStack
) -> None:
    campaign.parked.update(place.project_id for place in campaign.world.places)
    async with (
        stack.newer_replica(campaign, "projects") as projects,
        stack.newer_replica(campaign, "timeline") as timeline,
        stack.newer_replica(campaign, "notifications") as notifications,
    ):
        campaign.sender.addresses = [stack.url("projects"), projects.url]
        async with campaign.under_load(COMMANDS_PER_SECOND) as load:
            for names in (CONSUMERS, (timeline.name, notifications.name), CONSUMERS):
                await load.acknowledges(80)
                # Whoever is left leads, of this version or of that.
                await campaign.kill(*names)
                await load.acknowledges(80)
                await campaign.start_again(*names)
        await deploy_everywhere(campaign, stack, newer=True)
        campaign.sender.addresses = [stack.url("projects")]
    assert await streams_of_newer_events(stack)
    await campaign.everything_holds()


# --- A deploy that is taken back ---


async def answers(campaign: Campaign) -> dict[str, int]:
    """What projects says of each milestone, by stream."""
    found = {}
    async with httpx2.AsyncClient(trust_env=False) as client:
        for place in campaign.world.places:
            organization = place.organization
            token = campaign.token(organization.org_id, organization.people[0])
            for milestone_id in place.milestones:
                url = f"{campaign.stack.url('projects')}/v1/milestones/{milestone_id}"
                answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
                found[f"milestone-{milestone_id}"] = answer.status_code
    return found


async def test_a_program_that_was_rolled_back_answers_for_what_it_knows_and_leaves_the_rest(
    campaign: Campaign, stack: VersionedStack
) -> None:
    campaign.parked.update(place.project_id for place in campaign.world.places)
    async with campaign.under_load(COMMANDS_PER_SECOND) as load:
        await load.acknowledges(50)
        await deploy_everywhere(campaign, stack, newer=True)
        await load.acknowledges(50)
    await deploy_everywhere(campaign, stack, newer=False)
    newer = await streams_of_newer_events(stack)
    assert newer
    answered = await answers(campaign)
    assert answered == {stream: 503 if stream in newer else 200 for stream in answered}

    async with campaign.under_load(COMMANDS_PER_SECOND) as load:
        await load.disturbed(50)
        await deploy_everywhere(campaign, stack, newer=True)
        await load.acknowledges(100)
    await campaign.everything_holds()

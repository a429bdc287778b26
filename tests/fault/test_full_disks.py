"""A disk is full: reading goes on, what is refused says why, nothing acknowledged is lost, and room is all it takes."""

from collections.abc import AsyncIterator
from random import Random

import httpx2
import pytest_asyncio

from deploy.local.programs import SERVICES
from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.campaign import campaign
from tests.support.proof.chaos.disks import fill_the_journal, recovers
from tests.support.proof.chaos.fault import Ground
from tests.support.proof.chaos.links import linked_stack
from tests.support.proof.world import Place


@pytest_asyncio.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    """A system whose servers have disks of their own."""
    async with linked_stack(Random(1)) as stack, campaign(stack) as begun:
        yield Ground(begun, stack)


async def ask(ground: Ground, method: str, service: str, path: str, **wish: str) -> httpx2.Response:
    """As somebody of the first place."""
    organization = first(ground).organization
    token = ground.campaign.token(organization.org_id, organization.people[0])
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.request(
            method,
            f"{ground.stack.url(service)}{path}",
            headers={"Authorization": f"Bearer {token}"},
            json=wish or None,
        )


def first(ground: Ground) -> Place:
    return ground.campaign.world.places[0]


async def reading_goes_on(ground: Ground) -> None:
    """And every service says that it is ready: who only reads shall find it."""
    issue = first(ground).issues[0]
    questions = (
        ("projects", f"/v1/issues/{issue}"),
        ("timeline", f"/v1/timeline/issues/{issue}/history"),
        ("notifications", "/v1/notifications/inbox"),
        *((service, "/readyz") for service in SERVICES),
    )
    statuses = {each: (await ask(ground, "GET", *each)).status_code for each in questions}
    assert set(statuses.values()) == {200}, statuses


async def a_refusal(ground: Ground) -> httpx2.Response:
    """The first command that finds no room; those before it had a page that was not full."""

    async def is_refused() -> httpx2.Response:
        path = f"/v1/issues/{first(ground).issues[0]}/comment"
        answer = await ask(ground, "POST", "projects", path, text="Is there room?")
        if answer.is_success:
            ground.campaign.foreign.add(int(answer.headers["Milepost-Position"]))
        assert answer.status_code == 507, answer.text
        return answer

    return await eventually(is_refused, 30)


async def test_nats_has_no_room_and_nobody_who_commands_notices(ground: Ground) -> None:
    campaign, disk = ground.campaign, ground.stack.disks["nats"]
    async with campaign.under_load() as load:
        await load.acknowledges(100)
        await disk.fill()
        await load.acknowledges(300)
        await reading_goes_on(ground)
        head = await evidence.head(ground.stack)
        async with evidence.broker(ground.stack) as client:
            assert (await evidence.stream_end(client)).last < head - 200
        disk.make_room()
        await load.acknowledges(100)
    await campaign.everything_holds()


async def test_nats_starts_anew_without_room(ground: Ground) -> None:
    campaign, disk = ground.campaign, ground.stack.disks["nats"]
    async with campaign.under_load() as load:
        await load.acknowledges(100)
        await disk.fill()
        await campaign.kill_and_start_again("nats")
        await load.acknowledges(200)
        disk.make_room()
        await load.acknowledges(100)
    await campaign.everything_holds()


async def test_postgres_has_no_room_and_says_so_until_there_is_some(ground: Ground) -> None:
    campaign, disk = ground.campaign, ground.stack.disks["postgres"]
    disturbances = campaign.ledger.disturbances
    async with campaign.under_load() as load:
        await load.acknowledges(100)
        await disk.fill()
        refusal = await a_refusal(ground)
        assert refusal.json()["code"] == "storage_full"
        assert "Nothing was recorded" in refusal.json()["detail"]
        assert refusal.headers["Retry-After"] == "30"
        await load.disturbed(200)
        await reading_goes_on(ground)
        disk.make_room()
        await load.acknowledges(200)
    assert disturbances["storage_full"] > 100, disturbances
    assert "outcome_unknown" not in disturbances, "a full disk leaves nothing open"
    await campaign.everything_holds()


async def test_postgres_has_no_room_for_its_journal_and_crashes(ground: Ground) -> None:
    """It cannot even recover before there is room; everybody waits for it, and it comes back with all it had."""
    campaign, disk = ground.campaign, ground.stack.disks["postgres"]
    async with campaign.under_load() as load:
        await load.acknowledges(100)
        await disk.fill()
        await fill_the_journal(ground)
        refusal = await ask(ground, "GET", "projects", "/readyz")
        assert refusal.status_code == 503
        disk.make_room()
        await recovers(ground)
        await load.acknowledges(200)
    await campaign.everything_holds()

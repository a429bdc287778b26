"""Clocks jump under load: positions order everything, no time does; what a clock had wrong is put right with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio

from deploy.local.programs import SERVICES
from deploy.local.stack import Stack
from tests.support.proof import evidence
from tests.support.proof.campaign import Campaign
from tests.support.proof.campaign import campaign as begun
from tests.support.proof.newer import record
from tests.support.stacks import running_stack

HOUR, MONTH = 3_600, 30 * 86_400
# Whatever the clock says, nothing grows old here; and nothing overtakes, so that the order can be checked.
KEEPING = {"MILEPOST_WEBHOOKS_KEPT_DAYS": "400", "MILEPOST_WEBHOOKS_BLOCK_SECONDS": "604800"}
READ = {
    "projects": "/v1/milestones/{milestone}",
    "timeline": "/v1/timeline/milestones/{milestone}/history",
    "notifications": "/v1/notifications/inbox",
}
A_KNOWN_EVENT = ("milestone.reforecast", 1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(KEEPING) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def campaign(stack: Stack) -> AsyncIterator[Campaign]:
    async with begun(stack) as running:
        yield running


async def answers_to_a_new_token(campaign: Campaign, lifetime_seconds: float = HOUR * 24) -> dict[str, int]:
    """What each service answers to somebody who has just got a token, which nobody has seen before."""
    place = campaign.world.places[0]
    organization, milestone = place.organization, place.milestones[0]
    token = campaign.stack.whereabouts.token(
        org_id=organization.org_id, actor=organization.people[0], lifetime_seconds=lifetime_seconds
    )
    found = {}
    async with httpx2.AsyncClient(trust_env=False) as client:
        for service, path in READ.items():
            url = f"{campaign.stack.url(service)}{path.format(milestone=milestone)}"
            answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
            found[service] = answer.status_code
    return found


def jump(campaign: Campaign, seconds: float) -> None:
    """All services at once, as a broken time server has it."""
    for service in SERVICES:
        campaign.move_clock(service, seconds)


async def everything_holds_in_time(campaign: Campaign) -> None:
    """What was told while the clock was ahead, or refused by receivers whose clock was another, waits for its hour."""
    campaign.let_time_pass(2 * HOUR)
    await campaign.everything_holds()
    campaign.let_time_pass(-2 * HOUR)


async def test_clocks_that_leap_back_five_seconds_are_noticed_by_nobody(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for _ in range(3):
            await load.acknowledges(100)
            jump(campaign, -5)
            assert await answers_to_a_new_token(campaign) == dict.fromkeys(SERVICES, 200)
        await load.acknowledges(100)
    await campaign.everything_holds()
    jump(campaign, 15)


@pytest.mark.parametrize("seconds", [-HOUR, HOUR], ids=["an hour back", "an hour ahead"])
async def test_clocks_that_are_off_by_an_hour_let_nobody_new_in_and_lose_nothing(
    campaign: Campaign, seconds: float
) -> None:
    """The leeway of tokens is a minute; who was let in before stays."""
    async with campaign.under_load() as load:
        await load.acknowledges(150)
        jump(campaign, seconds)
        assert await answers_to_a_new_token(campaign, HOUR / 4) == dict.fromkeys(SERVICES, 401)
        await load.acknowledges(150)
        jump(campaign, -seconds)
        assert await answers_to_a_new_token(campaign, HOUR / 4) == dict.fromkeys(SERVICES, 200)
        await load.acknowledges(150)
    await everything_holds_in_time(campaign)


@pytest.mark.parametrize("seconds", [-MONTH, MONTH], ids=["a month back", "a month ahead"])
async def test_clocks_that_are_off_by_a_month_and_put_right_tell_everything_once(
    campaign: Campaign, seconds: float
) -> None:
    """Meanwhile the stream is made anew, by a clock that says that all events are old, or in the future."""
    async with campaign.under_load() as load:
        await load.acknowledges(150)
        jump(campaign, seconds)
        await load.acknowledges(150)
        await campaign.wipe_nats()
        await campaign.start_again("nats")
        await load.acknowledges(150)
        jump(campaign, -seconds)
        await load.acknowledges(150)
    await everything_holds_in_time(campaign)


async def test_a_database_whose_clock_was_a_month_ahead_keeps_the_order_of_the_log(
    campaign: Campaign,
) -> None:
    """What it records afterwards is recorded no earlier than what it recorded then."""
    stack = campaign.stack
    async with campaign.under_load() as load:
        await load.acknowledges(100)
        ahead = await record(campaign, campaign.world.places[0], A_KNOWN_EVENT, recorded_seconds_ahead=MONTH)
        await load.acknowledges(200)
    log = await evidence.log(stack)
    instants = [event["recorded_at"] for event in log]
    assert instants == sorted(instants)
    assert len(set(instants[ahead - 1 :])) == 1
    await campaign.everything_holds()
    assert await asyncio.to_thread(stack.call, "timeline", "rebuild", "all") == 0
    await campaign.everything_holds()

"""A short bad day: everything is struck by everything, and everything holds. `make test-fault` has the long ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

import httpx2
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.campaign import campaign as begun
from tests.support.proof.chaos import forms
from tests.support.proof.chaos.days import bad_days
from tests.support.stacks import running_stack

READ_MODELS = {
    "project_history": ("projects", "project_changes"),
    "milestone_history": ("milestones", "milestone_changes"),
    "issue_history": ("issues", "issue_changes"),
    "activity": ("activity", "stream_names"),
    "moments": ("moments",),
}


# Clients hang up while they connect: their library leaves the socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


async def test_a_bad_minute_of_kills_cuts_and_bad_manners_breaks_no_promise() -> None:
    report = await bad_days(forms.SHORT, forms.SHORT_SEED)
    assert sum(report.faults.values()) == forms.SHORT.faults
    assert sum(report.nuisances.values()) >= forms.SHORT.nuisances_min
    assert report.counts["commands acknowledged"] >= forms.SHORT.commands_min


@pytest.fixture(scope="module")
def breakable() -> Iterator[Stack]:
    with running_stack() as stack:
        yield stack


@pytest_asyncio.fixture(scope="module")
async def campaign(breakable: Stack) -> AsyncIterator[Campaign]:
    async with begun(breakable) as running:
        yield running


async def is_ready(stack: Stack, service: str) -> bool:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{stack.url(service)}/readyz")).status_code == 200


async def test_commands_go_on_while_nats_is_down_and_after_it_lost_everything(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        await load.acknowledges(60)
        await campaign.wipe_nats()
        await load.acknowledges(60)
        assert await is_ready(campaign.stack, "projects")
        await campaign.start_again("nats")
        await load.acknowledges(60)
    await campaign.everything_holds()


async def rows(stack: Stack) -> Mapping[str, list[evidence.Row]]:
    """Every table of timeline's read models, in an order of their own."""
    dsn = stack.whereabouts.database_dsn("timeline")
    found = {}
    for title, tables in READ_MODELS.items():
        schema = await evidence.schema(stack, title)
        for table in tables:
            found[table] = sorted(await evidence.rows(dsn, f"{schema}.{table}"), key=str)
    return found


async def rebuilt(stack: Stack) -> None:
    assert await asyncio.to_thread(stack.call, "timeline", "rebuild", "all") == 0


async def test_a_rebuild_gives_the_same_rows(campaign: Campaign) -> None:
    await invariants.converged(campaign.stack)
    before = await rows(campaign.stack)
    await rebuilt(campaign.stack)
    assert await rows(campaign.stack) == before


async def test_a_rebuild_while_commands_go_on_misses_nothing(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        await load.acknowledges(60)
        await rebuilt(campaign.stack)
        await load.acknowledges(60)
    await campaign.everything_holds()

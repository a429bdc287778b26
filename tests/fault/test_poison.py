"""An event that cannot be applied stops its own project, in order, and nobody else; an operator decides then."""

from typing import Any

import asyncpg

from libs.events.parking import project_sequence
from tests.support.proof import evidence
from tests.support.proof.campaign import Campaign
from tests.support.proof.poison import decide, others_go_on, poison_a_project, until_parked

CONSUMERS = ("timeline", "notifications")


async def alter(campaign: Campaign, statement: str) -> None:
    table = f"{await evidence.schema(campaign.stack, 'milestone_history')}.milestone_changes"
    connection: Any = await asyncpg.connect(campaign.stack.whereabouts.database_dsn("timeline"))
    try:
        await connection.execute(f"alter table {table} {statement}")
    finally:
        await connection.close()


async def test_a_project_that_cannot_be_projected_waits_and_is_retried(campaign: Campaign) -> None:
    """The obstacle lies in timeline's tables; notifications hears of everything meanwhile."""
    place = campaign.world.places[0]
    sequence = project_sequence(place.project_id)
    await alter(
        campaign, f"add constraint obstacle check (project_id <> '{place.project_id}'::uuid) not valid"
    )
    async with campaign.under_load() as load:
        await until_parked(campaign, "timeline", sequence)
        await load.acknowledges(200)
    await others_go_on(campaign, place, "timeline")

    await alter(campaign, "drop constraint obstacle")
    async with campaign.under_load() as load:
        await load.acknowledges(50)
        await decide(campaign, "timeline", "retry", place.organization.org_id, sequence)
        await load.acknowledges(50)
    await campaign.everything_holds()


async def test_a_poison_event_stops_its_project_alone_until_it_is_skipped(campaign: Campaign) -> None:
    place = campaign.world.places[-1]
    async with campaign.under_load() as load:
        await load.acknowledges(50)
        sequence = await poison_a_project(campaign, place)
        for service in CONSUMERS:
            await until_parked(campaign, service, sequence)
        await load.acknowledges(200)
    await others_go_on(campaign, place, *CONSUMERS)

    for service in CONSUMERS:
        await decide(campaign, service, "skip", place.organization.org_id, sequence)
    await campaign.everything_holds()

"""An event that cannot be applied stops its own project, in order, and nobody else; an operator decides then."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from uuid_utils.compat import uuid7

from libs.chassis.postgres import Database
from libs.events.envelope import stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.schedule import MilestoneAchieved
from tests.support.eventually import eventually
from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.ledger import Fate
from tests.support.proof.world import Place, asked

CONSUMERS = ("timeline", "notifications")


async def until_parked(campaign: Campaign, service: str, place: Place) -> None:
    dsn = campaign.stack.whereabouts.database_dsn(service)

    async def is_parked() -> None:
        parked = {row["sequence"] for row in await evidence.rows(dsn, "parked_sequences")}
        assert f"project-{place.project_id}" in parked

    await eventually(is_parked, seconds=60, every=0.2)


async def others_go_on(campaign: Campaign, place: Place, *services: str) -> None:
    """The project waits from its first bad event on; all else has reached the head and is there to the last event.

    Who may do what in it is a sequence of its own, and waits for nothing.
    """
    await invariants.converged(campaign.stack)
    log = await evidence.log(campaign.stack)
    for service in services:
        rows = await evidence.rows(campaign.stack.whereabouts.database_dsn(service), "parked_events")
        waiting = {row["position"] for row in rows}
        behind = {
            event["position"]
            for event in log
            if event["project_id"] == str(place.project_id)
            and not event["stream"].startswith("member-")
            and event["position"] >= min(waiting)
        }
        assert len(behind) > 1
        assert behind <= waiting, f"{service} applied {behind - waiting} before what came first"
    report = await invariants.all_is_made_of_the_log(campaign.stack)
    assert {row["consumer"] for row in report.parked} == set(services)


async def decide(campaign: Campaign, service: str, decision: str, place: Place) -> None:
    """As an operator does, on the command line."""
    code = await asyncio.to_thread(
        campaign.stack.call,
        *(service, "parked", decision, str(place.organization.org_id), f"project-{place.project_id}"),
        *("--reason", "We looked into it."),
    )
    assert code == 0


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
    await alter(
        campaign, f"add constraint obstacle check (project_id <> '{place.project_id}'::uuid) not valid"
    )
    async with campaign.under_load() as load:
        await until_parked(campaign, "timeline", place)
        await load.acknowledges(200)
    await others_go_on(campaign, place, "timeline")

    await alter(campaign, "drop constraint obstacle")
    async with campaign.under_load() as load:
        await load.acknowledges(50)
        await decide(campaign, "timeline", "retry", place)
        await load.acknowledges(50)
    await campaign.everything_holds()


async def poison(campaign: Campaign, place: Place) -> None:
    """Put an event into the log that says of a milestone that it was achieved, and not when."""
    milestone_id, actor = uuid4(), place.organization.people[0]
    named: dict[str, Any] = {"milestone_id": str(milestone_id), "name": "Poisoned"}
    named["project_id"] = str(place.project_id)
    stream = stream_name("milestone", milestone_id)
    command = asked(place.organization, actor, stream, "/v1/milestones", "description", **named)
    assert (await campaign.sender.settle(command)).fate is Fate.ACKNOWLEDGED
    database = await Database.connect(
        campaign.stack.whereabouts.dsn("projects_service"), application_name="poisoner"
    )
    try:
        [outcome] = await Log(database).append([half_an_achievement(place, stream, actor)])
    finally:
        await database.close()
    assert isinstance(outcome, Appended)
    campaign.foreign.add(outcome.position)


def half_an_achievement(place: Place, stream: str, actor: UUID) -> Recording:
    unfinished = MilestoneAchieved.model_construct(None)  # type: ignore[call-arg]
    event = NewEvent(uuid7(), stream, 2, place.project_id, unfinished, datetime.now(UTC))
    return Recording(
        place.organization.org_id, actor, (Expectation(stream, 1),), (event,), Answer(200, b"{}")
    )


async def test_a_poison_event_stops_its_project_alone_until_it_is_skipped(campaign: Campaign) -> None:
    place = campaign.world.places[-1]
    async with campaign.under_load() as load:
        await load.acknowledges(50)
        await poison(campaign, place)
        for service in CONSUMERS:
            await until_parked(campaign, service, place)
        await load.acknowledges(200)
    await others_go_on(campaign, place, *CONSUMERS)

    for service in CONSUMERS:
        await decide(campaign, service, "skip", place)
    await campaign.everything_holds()

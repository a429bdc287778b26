"""Events that cannot be applied, put into the log beside all that decides, and what operators do about them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from uuid_utils.compat import uuid7

from libs.chassis.postgres import Database
from libs.events.access import MemberJoined
from libs.events.envelope import stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.parking import project_sequence
from libs.events.schedule import MilestoneAchieved
from tests.support.eventually import eventually
from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.ledger import Fate
from tests.support.proof.world import Place, asked


async def poison_a_project(campaign: Campaign, place: Place) -> str:
    """Put an event into the log that says that a milestone was achieved, and not when; returns what waits for it."""
    milestone_id, actor = uuid4(), place.organization.people[0]
    named: dict[str, Any] = {"milestone_id": str(milestone_id), "name": "Poisoned"}
    named["project_id"] = str(place.project_id)
    stream = stream_name("milestone", milestone_id)
    command = asked(place.organization, actor, stream, "/v1/milestones", "description", **named)
    assert (await campaign.sender.settle(command)).fate is Fate.ACKNOWLEDGED
    unfinished = MilestoneAchieved.model_construct(None)  # type: ignore[call-arg]
    await _append(
        campaign, place, NewEvent(uuid7(), stream, 2, place.project_id, unfinished, datetime.now(UTC))
    )
    return project_sequence(place.project_id)


async def poison_a_right(campaign: Campaign, place: Place) -> str:
    """Put an event into the log that says that somebody joined, and not as what; returns what waits for it."""
    stream = stream_name("member", uuid4())
    unfinished = MemberJoined.model_construct(None)  # type: ignore[call-arg]
    await _append(campaign, place, NewEvent(uuid7(), stream, 1, None, unfinished, datetime.now(UTC)))
    return stream


async def _append(campaign: Campaign, place: Place, event: NewEvent) -> None:
    organization, expected = place.organization, Expectation(event.stream, event.version - 1)
    recording = Recording(
        organization.org_id, organization.people[0], (expected,), (event,), Answer(200, b"{}")
    )
    dsn = campaign.stack.whereabouts.dsn("projects_service")
    database = await Database.connect(dsn, application_name="poisoner")
    try:
        [outcome] = await Log(database).append([recording])
    finally:
        await database.close()
    assert isinstance(outcome, Appended)
    campaign.foreign.add(outcome.position)


async def until_parked(campaign: Campaign, service: str, sequence: str) -> None:
    """Wait until a consumer has this sequence wait."""
    dsn = campaign.stack.whereabouts.database_dsn(service)

    async def is_parked() -> None:
        parked = {row["sequence"] for row in await evidence.rows(dsn, "parked_sequences")}
        assert sequence in parked

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


async def decide(campaign: Campaign, service: str, decision: str, org_id: object, sequence: str) -> None:
    """As an operator does, on the command line."""
    code = await asyncio.to_thread(
        campaign.stack.call,
        *(service, "parked", decision, str(org_id), sequence),
        *("--reason", "We looked into it."),
    )
    assert code == 0

"""Events put into the log directly, many at once, as an import does: the relay has to find them by itself."""

from datetime import UTC, date, datetime
from uuid import uuid4

from uuid_utils.compat import uuid7

from libs.chassis.postgres import Database
from libs.events.envelope import stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.schedule import MilestonePlanned
from tests.support.proof.campaign import Campaign
from tests.support.proof.world import Place

CALL_EVENTS_MAX = 1_000


async def record(campaign: Campaign, place: Place, count: int) -> None:
    """So many milestones, planned in one place; the ledger knows that no client asked for them."""
    dsn = campaign.stack.whereabouts.dsn("projects_service")
    database = await Database.connect(dsn, application_name="recording", connections_max=1)
    try:
        log = Log(database)
        for first in range(0, count, CALL_EVENTS_MAX):
            some = range(first, min(count, first + CALL_EVENTS_MAX))
            for outcome in await log.append([_planned(place) for _ in some]):
                assert isinstance(outcome, Appended)
                campaign.foreign.add(outcome.position)
    finally:
        await database.close()


def _planned(place: Place) -> Recording:
    milestone_id, organization = uuid4(), place.organization
    planned = MilestonePlanned(project_id=place.project_id, name="On its way", target_on=date(2027, 1, 1))
    stream = stream_name("milestone", milestone_id)
    event = NewEvent(uuid7(), stream, 1, place.project_id, planned, datetime.now(UTC))
    expected = (Expectation(stream, 0),)
    return Recording(organization.org_id, organization.people[0], expected, (event,), Answer(201, b"{}"))

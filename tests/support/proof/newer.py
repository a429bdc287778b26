"""Events of a program that is newer than those who read: put into the log beside all that decides, as its deploy would.

Both read what they do not know by waiting for it: the project of the event waits, in order, and nobody else.
"""

from typing import Any
from uuid import UUID, uuid4

from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.campaign import Campaign
from tests.support.proof.ledger import Fate
from tests.support.proof.poison import decide
from tests.support.proof.world import Place, asked

# A type nobody here has heard of, and a schema version of one that is known.
UNKNOWN_TYPE = ("milestone.celebrated", 1)
LATER_SCHEMA = ("milestone.reforecast", 2)
DATA = '{"forecast_on": "2030-01-01", "reason": "We said so.", "cheers": 3}'
# Others strike meanwhile what it takes; less than a whole fault may take, so that it says what it waited for.
SKIPPED_SECONDS_MAX = 90
# A block, because whoever waits for the lock must not have looked at the head before.
RECORD = """
    do $$ begin
        perform pg_advisory_xact_lock(hashtext('milepost.log'));
        insert into events (position, recorded_at, effective_at, event_id, org_id, project_id, actor, version,
                            schema_version, stream, type, data)
        select position + 1, moment, moment, '{event_id}', '{org_id}', '{project_id}', '{actor}', 2,
               {schema_version}, '{stream}', '{type}', '{data}'
        from (select position, greatest(clock_timestamp(), recorded_at) + interval '{ahead} seconds' as moment
              from events order by position desc limit 1) as head
        on conflict (org_id, event_id) do nothing;
    end $$
"""


async def record(
    campaign: Campaign, place: Place, kind: tuple[str, int], *, recorded_seconds_ahead: int = 0
) -> int:
    """Put an event of this type and schema version into a milestone nobody else touches; returns its position."""
    milestone_id, event_id = uuid4(), uuid4()
    organization, stream = place.organization, f"milestone-{milestone_id}"
    named: dict[str, Any] = {
        "milestone_id": str(milestone_id),
        "name": "Newer",
        "project_id": str(place.project_id),
    }
    command = asked(organization, organization.people[0], stream, "/v1/milestones", "description", **named)
    assert (await campaign.sender.settle(command)).fate is Fate.ACKNOWLEDGED
    statement = RECORD.format(
        event_id=event_id,
        org_id=organization.org_id,
        project_id=place.project_id,
        actor=organization.people[0],
        schema_version=kind[1],
        stream=stream,
        type=kind[0],
        data=DATA,
        ahead=recorded_seconds_ahead,
    )
    return await eventually(lambda: _recorded(campaign, statement, event_id), SKIPPED_SECONDS_MAX, every=0.2)


async def _recorded(campaign: Campaign, statement: str, event_id: UUID) -> int:
    dsn = campaign.stack.whereabouts.database_dsn("projects")
    await evidence.value(dsn, statement)
    position = int(await evidence.value(dsn, f"select position from events where event_id = '{event_id}'"))
    campaign.foreign.add(position)
    return position


async def reason_to_wait(campaign: Campaign, service: str, sequence: str) -> str | None:
    """The code with which a consumer has a sequence wait; `None` while it does not."""
    return next(
        (row["code"] for row in await _parked(campaign, service) if row["sequence"] == sequence), None
    )


async def waits_for_a_deploy(campaign: Campaign, service: str, sequence: str) -> None:
    """Return once a consumer has parked a sequence because it does not know what it was told."""

    async def is_parked() -> None:
        code = await reason_to_wait(campaign, service, sequence)
        assert code == "unknown_event", f"{service} has {sequence} wait for {code}"

    await eventually(is_parked, SKIPPED_SECONDS_MAX, every=0.2)


async def waits_no_more(campaign: Campaign, service: str, sequence: str) -> None:
    """Return once a consumer has applied what it had waiting, by itself."""

    async def is_free() -> None:
        assert await reason_to_wait(campaign, service, sequence) is None, f"{service} has {sequence} wait"

    await eventually(is_free, SKIPPED_SECONDS_MAX, every=0.2)


async def is_given_up(campaign: Campaign, service: str, sequence: str, org_id: UUID) -> None:
    """An operator decides that nobody will ever know it, and says so until it has been done."""
    dsn = campaign.stack.whereabouts.database_dsn(service)

    async def is_skipped() -> None:
        undecided = "select count(*) from parking_decisions where carried_out_at is null"
        if await reason_to_wait(campaign, service, sequence) and not await evidence.value(dsn, undecided):
            await decide(campaign, service, "skip", org_id, sequence)
        assert await reason_to_wait(campaign, service, sequence) is None, f"{service} still waits"

    await eventually(is_skipped, SKIPPED_SECONDS_MAX, every=0.5)


async def _parked(campaign: Campaign, service: str) -> list[evidence.Row]:
    return await evidence.rows(campaign.stack.whereabouts.database_dsn(service), "parked_sequences")

"""Keeps who may do what in a service's own database, from the events of access, with the rest of its subscription.

The tables say how things stand now; `table_directory` answers from them.
"""

from collections.abc import AsyncIterable, Sequence
from typing import Any

from libs.chassis.sessions import Connection, is_transient
from libs.events import access, catalogue, parking
from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    MemberJoined,
    MemberLeft,
    MemberRoleGranted,
    OrganizationFounded,
    OrganizationOffboarded,
    OrganizationPolicyAdopted,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
)
from libs.events.envelope import Envelope, Event, aggregate_of
from libs.events.parking_lot import ParkingLot

CHECKPOINT_NAME = "access"
TABLES = ("access_organizations", "access_members", "access_project_members", "access_api_keys")
EVENT_TYPES = frozenset(
    each.name for each in catalogue.event_types() if each.model.__module__ == access.__name__
)

FOUND = "insert into access_organizations (org_id) values ($1) on conflict do nothing"
ADOPT_POLICY = "update access_organizations set requires_if_match = $2 where org_id = $1"
OFFBOARD = """
update access_organizations set is_offboarded = true, offboarded_at = $2, offboarded_position = $3 where org_id = $1
"""
GRANT = """
insert into access_members (org_id, person_id, role) values ($1, $2, $3)
on conflict (org_id, person_id) do update set role = excluded.role
"""
LEAVE = "delete from access_members where org_id = $1 and person_id = $2"
GRANT_IN_PROJECT = """
insert into access_project_members (org_id, person_id, project_id, role) values ($1, $2, $3, $4)
on conflict (org_id, person_id, project_id) do update set role = excluded.role
"""
LEAVE_PROJECT = """
delete from access_project_members where org_id = $1 and person_id = $2 and project_id = $3
"""
LEAVE_PROJECTS = "delete from access_project_members where org_id = $1 and person_id = $2"
ISSUE = """
insert into access_api_keys (org_id, api_key_id, secret_hash, scopes, project_ids, expires_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (org_id, api_key_id) do nothing
"""
ROTATE = """
update access_api_keys set secret_hash = $3, former_valid_until = $4, expires_at = $5,
    former_secret_hash = case when $4::timestamptz is null then null else secret_hash end
where org_id = $1 and api_key_id = $2
"""
REVOKE = "delete from access_api_keys where org_id = $1 and api_key_id = $2"

Statement = tuple[str, tuple[Any, ...]]


class AccessHandler:
    """The handler of access in a service's subscription; its checkpoint is its own."""

    name = CHECKPOINT_NAME

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        """Write what a batch changes, in order. Such events are rare, so each is a statement or two of its own."""
        for event in events:
            # Looked at first, as almost every event is about something else.
            if event.envelope.type in EVENT_TYPES:
                for statement, values in changes(event):
                    await connection.execute(statement, event.envelope.org_id, *values)

    def forget(self) -> None:
        """Nothing is remembered between batches."""


def changes(event: Event) -> list[Statement]:  # noqa: C901 -- one case per event
    """What an event changes: statements with what follows the organization; none for events about other things."""
    key_id = event.envelope.entity_id
    match event.data:
        case OrganizationFounded():
            return [(FOUND, ())]
        case OrganizationPolicyAdopted(requires_if_match=required):
            return [(ADOPT_POLICY, (required,))]
        case OrganizationOffboarded():
            return [(OFFBOARD, (event.envelope.recorded_at, event.envelope.position))]
        case MemberJoined() | MemberRoleGranted() as data:
            return [(GRANT, (data.person_id, data.role))]
        case MemberLeft() as data:
            return [(LEAVE_PROJECTS, (data.person_id,)), (LEAVE, (data.person_id,))]
        case ProjectMemberJoined() | ProjectMemberRoleGranted() as data:
            return [(GRANT_IN_PROJECT, (data.person_id, data.project_id, data.role))]
        case ProjectMemberLeft() as data:
            return [(LEAVE_PROJECT, (data.person_id, data.project_id))]
        case ApiKeyIssued() as data:
            project_ids = None if data.project_ids is None else list(data.project_ids)
            return [(ISSUE, (key_id, data.secret_hash, list(data.scopes), project_ids, data.expires_at))]
        case ApiKeyRotated() as data:
            return [(ROTATE, (key_id, data.secret_hash, data.former_valid_until, data.expires_at))]
        case ApiKeyRevoked():
            return [(REVOKE, (key_id,))]
    return []


async def read_anew(connection: Connection, pages: AsyncIterable[Sequence[Envelope]]) -> None:
    """Forget who may do what and learn it from these pages of the log, in the caller's transaction.

    What is parked stays so, what was skipped stays out, and what can not be applied is parked, as a subscription
    does it. Whoever asks meanwhile is answered as before. The checkpoint is the caller's matter.
    """
    for table in TABLES:
        await connection.execute(f"delete from {table}")
    lot, skipped = await ParkingLot.load(connection), await parking.skipped_positions(connection)
    async for page in pages:
        of_access = [each for each in page if aggregate_of(each.stream) in access.AGGREGATES]
        for envelope in of_access:
            if lot.holds(envelope):
                await parking.park_waiting(connection, [envelope])
            elif envelope.position not in skipped:
                await _learn(connection, envelope, lot)


async def _learn(connection: Connection, envelope: Envelope, lot: ParkingLot) -> None:
    try:
        async with connection.transaction():
            await AccessHandler().apply(connection, [catalogue.read(envelope)])
    except Exception as error:
        if is_transient(error):
            raise
        await parking.park(connection, envelope, *parking.reason(error))
        lot.add(envelope)

"""Organizations come and go by commands of their operator: founded with a first owner, and offboarded."""

from typing import Any
from uuid import UUID

from libs.chassis.ids import new_id
from libs.events.access import OrganizationRole
from libs.events.envelope import EventData, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from services.projects.access import member, organization
from services.projects.access.member import JoinOrganization
from services.projects.access.organization import FoundOrganization, OffboardOrganization
from services.projects.aggregate import Aggregate, Command
from services.projects.facts import NOBODY, Facts
from services.projects.loading import Aggregates

# Who acts where no person of the organization does: the operator of the installation.
OPERATOR = NOBODY
SILENT = Answer(200, b"")


class Changed(Exception):
    """Somebody else changed the organization at the same moment; nothing was recorded: call again."""


async def found(log: Log, organization_id: UUID, name: str, owner_id: UUID) -> int:
    """Begin an organization with its first owner; doing so again changes nothing. Returns the log's position."""
    return await _command(
        log,
        organization_id,
        (
            organization.AGGREGATE,
            organization_id,
            FoundOrganization(organization_id=organization_id, name=name),
        ),
        (member.AGGREGATE, owner_id, JoinOrganization(member_id=owner_id, role=OrganizationRole.OWNER)),
    )


async def offboard(log: Log, organization_id: UUID, reason: str) -> int:
    """End an organization's use of Milepost: nobody of it gets in any more. Returns the log's position."""
    command = OffboardOrganization(reason=reason)
    return await _command(log, organization_id, (organization.AGGREGATE, organization_id, command))


async def _command(log: Log, org_id: UUID, *parts: tuple[Aggregate[Any], UUID, Command]) -> int:
    """Decide commands of the operator about several aggregates, and record them together."""
    aggregates = Aggregates(log)
    expectations: list[Expectation] = []
    events: list[NewEvent] = []
    for aggregate, entity_id, command in parts:
        loaded = await aggregates.current(aggregate, org_id, entity_id)
        state, version = (loaded.state, loaded.version) if loaded else (None, 0)
        decided = aggregate.decide(state, command, Facts(actor=OPERATOR, entity_id=entity_id))
        stream = stream_name(aggregate.name, entity_id)
        if decided:
            expectations.append(Expectation(stream, version))
            events.extend(_new(stream, version + number, data) for number, data in enumerate(decided, 1))
    if not events:
        return await log.head()
    outcome = (await log.append([Recording(org_id, OPERATOR, tuple(expectations), tuple(events), SILENT)]))[0]
    if not isinstance(outcome, Appended):
        raise Changed
    return outcome.position


def _new(stream: str, version: int, data: EventData) -> NewEvent:
    return NewEvent(new_id(), stream, version, None, data)

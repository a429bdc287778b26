"""What operators do with whole organizations: found, export, import and offboard them.

An export is every event of the organization in order, one CloudEvent a line, between a head and a foot that say
whose it is and how many there are. Imported into another log, events keep their ids, streams, versions, actors and
effective instants; positions and recording instants are those of the log they are in.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from libs.events import catalogue
from libs.events.access import OrganizationRole
from libs.events.envelope import Envelope, EventData, read_cloud_event, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.log.selecting import EventPages, Selection
from services.projects.access import member, organization
from services.projects.access.member import JoinOrganization
from services.projects.access.organization import FoundOrganization, OffboardOrganization
from services.projects.aggregate import Aggregate, Command
from services.projects.facts import NOBODY, Facts
from services.projects.loading import Aggregates

FORMAT = "milepost-organization/1"
PAGE_EVENTS = 1_000
CHUNK_EVENTS = 250
# Who acts where no person of the organization does: the operator of the installation.
OPERATOR = NOBODY
SILENT = Answer(200, b"")


class NotImportable(Exception):
    """An export that can not be imported here; the message says which line, and why."""


class Changed(Exception):
    """Somebody else changed the organization at the same moment; nothing was recorded: call again."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many events of an export are new here, and how many were here already."""

    recorded: int
    known: int


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


async def export(
    pages: EventPages, organization_id: UUID, report: Callable[[int, int], None]
) -> AsyncIterator[bytes]:
    """The lines of an export, up to the head; `report` is told the position reached, and that of the head."""
    selection, after, head, count = Selection(organization_id), 0, await pages.head(), 0
    yield _line({"format": FORMAT, "organization_id": str(organization_id)})
    while after < head:
        page, head = await pages.page(selection, after, PAGE_EVENTS)
        for body in page.bodies:
            yield body + b"\n"
        after, count = page.next_after, count + len(page.bodies)
        report(after, head)
    yield _line({"events": count, "exported_at": datetime.now(UTC).isoformat()})


async def import_lines(log: Log, lines: Iterable[bytes]) -> Imported:
    """Record the events of an export that are not here yet; interrupted, it is called again with the same lines.

    Raises `NotImportable` for a file that is no whole export, and for events that contradict those of this log.
    """
    numbered = enumerate(lines, start=1)
    organization_id = _organization_of(next(numbered, (1, b""))[1])
    recorded = known = 0
    while chunk := list(islice(numbered, CHUNK_EVENTS)):
        events = [_event(number, line, organization_id) for number, line in chunk if not _is_foot(line)]
        for was_new in await _record(log, [number for number, _ in chunk], events):
            recorded, known = recorded + was_new, known + (not was_new)
        if _is_foot(chunk[-1][1]):
            _check_foot(chunk[-1][1], recorded + known)
            return Imported(recorded, known)
    raise NotImportable(f"the export breaks off after {recorded + known} events: its last line is missing")


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
    return NewEvent(uuid7(), stream, version, None, data)


async def _record(log: Log, numbers: Sequence[int], events: Sequence[Envelope]) -> list[bool]:
    """Whether each event was new; raises `NotImportable` where the log has something else in its place."""
    recordings = [_recording(event) for event in events]
    outcomes = await log.append(recordings) if recordings else []
    new: list[bool] = []
    for number, recording, outcome in zip(numbers, recordings, outcomes, strict=False):
        is_new = isinstance(outcome, Appended)
        if not is_new and await log.resolve(recording) is None:
            stream = recording.expectations[0].stream
            raise NotImportable(f"line {number}: {stream} has another history in this log")
        new.append(is_new)
    return new


def _recording(event: Envelope) -> Recording:
    expectation = Expectation(event.stream, event.version - 1)
    new = NewEvent(
        event.event_id,
        event.stream,
        event.version,
        event.project_id,
        catalogue.read(event).data,
        event.effective_at,
        None,
        event.on_behalf_of,
        event.correlation_id,
        event.causation_id,
        event.traceparent,
    )
    return Recording(event.org_id, event.actor, (expectation,), (new,), SILENT)


def _organization_of(line: bytes) -> UUID:
    try:
        head = json.loads(line)
        if head["format"] == FORMAT:
            return UUID(head["organization_id"])
    except (ValueError, KeyError, TypeError):
        pass
    raise NotImportable(f"line 1: not the beginning of an export ({FORMAT})")


def _event(number: int, line: bytes, organization_id: UUID) -> Envelope:
    try:
        event = read_cloud_event(line)
        catalogue.read(event)
    except Exception as error:
        raise NotImportable(f"line {number}: {error}") from error
    if event.org_id != organization_id:
        raise NotImportable(f"line {number}: an event of another organization")
    return event


def _is_foot(line: bytes) -> bool:
    return line.startswith(b'{"events":')


def _check_foot(line: bytes, events: int) -> None:
    told = json.loads(line)["events"]
    if told != events:
        raise NotImportable(f"the export says it has {told} events; {events} were read")


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

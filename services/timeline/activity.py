"""What happened in a project, in sentences that people read, with names as they were then."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from libs.chassis.sessions import Connection
from libs.events.access import ProjectMemberJoined, ProjectMemberLeft, ProjectMemberRoleGranted
from libs.events.envelope import Event, StreamKey
from libs.events.portfolio import ProjectProposed
from libs.events.raid import IssueBlocked, IssueLinked, IssueMovedIn, IssueRaised
from libs.events.schedule import MilestonePlanned, MilestoneReforecast
from libs.events.writing import Write, write_together, writes
from services.timeline.as_of import AsOf
from services.timeline.projection import Projection, UnknownEntity
from services.timeline.rows import append, columns, copy, given, upsert
from services.timeline.sentences import sentence, short_id

CACHED_NAMES_MAX = 50_000

# --- Rows ---


class Activity(NamedTuple):
    """One thing that happened in a project."""

    org_id: UUID
    project_id: UUID
    position: int
    recorded_at: datetime
    effective_at: datetime
    event_id: UUID
    type: str
    stream: str
    version: int
    actor: UUID
    on_behalf_of: UUID | None
    sentence: str


class StreamName(NamedTuple):
    """What a stream is called, and the project to which it belongs."""

    org_id: UUID
    stream: str
    project_id: UUID
    name: str


# --- Project ---


def project(event: Event, project_id: UUID, name: str, named: Mapping[str, str]) -> Activity:
    """The row for an event of a project."""
    envelope = event.envelope
    return Activity(
        envelope.org_id,
        project_id,
        envelope.position,
        envelope.recorded_at,
        envelope.effective_at,
        envelope.event_id,
        envelope.type,
        envelope.stream,
        envelope.version,
        envelope.actor,
        envelope.on_behalf_of,
        sentence(event, name, named),
    )


def named_by(event: Event, before: StreamName | None) -> StreamName | None:
    """What the event's stream is called after the event, and where it belongs; none if it has no name yet."""
    envelope, data = event
    match data:
        case ProjectProposed():
            return StreamName(envelope.org_id, envelope.stream, data.project_id, data.name)
        case MilestonePlanned():
            return StreamName(envelope.org_id, envelope.stream, data.project_id, data.name)
        case IssueRaised():
            return StreamName(envelope.org_id, envelope.stream, data.project_id, data.title)
        case IssueMovedIn() if before is not None:
            return before._replace(project_id=data.project_id)
        case ProjectMemberJoined() | ProjectMemberRoleGranted() | ProjectMemberLeft():
            return StreamName(envelope.org_id, envelope.stream, data.project_id, short_id(data.person_id))
    return before


def mentioned(event: Event) -> tuple[str, ...]:
    """Other streams that the sentence for an event would like to name."""
    match event.data:
        case IssueLinked(target=target):
            return (target,)
        case IssueBlocked(blocked_by=str(culprit)):
            return (culprit,)
        case MilestoneReforecast(caused_by=causes) if causes:
            return tuple(cause.stream for cause in causes if cause.stream is not None)
    return ()


# --- Apply ---


class ActivityFeed(Projection):
    """A row per event, and the names needed to write its sentence."""

    def __init__(self) -> None:
        super().__init__("activity", 1)
        self._names: dict[StreamKey, StreamName] = {}

    def forget(self) -> None:
        self._names.clear()

    async def apply(self, connection: Connection, events: Sequence[Event]) -> Sequence[Write]:
        """The sentences of a batch, and the names it gave."""
        rows, named = await self._told(connection, events)
        return [*writes(APPEND, rows), *writes(UPSERT_NAMES, named)]

    async def fold(self, connection: Connection, events: Sequence[Event]) -> None:
        rows, named = await self._told(connection, events)
        await copy(connection, "activity", Activity._fields, rows)
        await write_together(connection, writes(UPSERT_NAMES, named))

    async def _told(
        self, connection: Connection, events: Sequence[Event]
    ) -> tuple[Sequence[Activity], Collection[StreamName]]:
        await self._load(connection, _wanted(events) - self._names.keys())
        named: dict[StreamKey, StreamName] = {}
        rows = [row for event in events if (row := self._row(event, named)) is not None]
        self._forget_oldest()
        return rows, named.values()

    def _row(self, event: Event, named: dict[StreamKey, StreamName]) -> Activity | None:
        project_id = event.envelope.project_id
        if project_id is None:
            return None
        key = event.envelope.key
        before = self._names.pop(key, None)
        after = named_by(event, before)
        if after is None:
            raise UnknownEntity(event.envelope)
        self._names[key] = after
        if after != before:
            named[key] = after
        return project(event, project_id, after.name, self._known(event))

    def _known(self, event: Event) -> dict[str, str]:
        """Names of what the event mentions, where that belongs to the event's own project."""
        streams = mentioned(event)
        if not streams:
            return {}
        envelope = event.envelope
        found = (self._names.get(StreamKey(envelope.org_id, stream)) for stream in streams)
        return {
            known.stream: known.name
            for known in found
            if known is not None and known.project_id == envelope.project_id
        }

    async def _load(self, connection: Connection, keys: Iterable[StreamKey]) -> None:
        wanted = list(keys)
        if wanted:
            for row in await connection.fetch(
                SELECT_NAMES, [key.org_id for key in wanted], [key.stream for key in wanted]
            ):
                self._names[StreamKey(row[0], row[1])] = StreamName(*row)

    def _forget_oldest(self) -> None:
        surplus = len(self._names) - CACHED_NAMES_MAX
        if surplus > 0:
            for key in list(self._names)[:surplus]:
                del self._names[key]


APPEND = append("activity", columns(Activity))
UPSERT_NAMES = upsert("stream_names", ("org_id", "stream"), StreamName._fields, given(columns(StreamName)))
SELECT_NAMES = f"""
select {", ".join(columns(StreamName))} from stream_names
where (org_id, stream) in (select * from unnest($1::uuid[], $2::text[]))
"""


def _wanted(events: Sequence[Event]) -> set[StreamKey]:
    """The streams whose names a batch needs and does not itself give."""
    wanted: set[StreamKey] = set()
    given: set[StreamKey] = set()
    for event in events:
        envelope = event.envelope
        (wanted if envelope.version > 1 else given).add(envelope.key)
        wanted.update(StreamKey(envelope.org_id, stream) for stream in mentioned(event))
    return wanted - given


def activity() -> ActivityFeed:
    return ActivityFeed()


# --- Ask ---

SAID = """
select *, project_id as home_project_id from activity
where org_id = :org_id and position <= :position
  and (:effective_at::timestamptz is null or effective_at <= :effective_at)
"""


def source(as_of: AsOf) -> str:
    """What had happened as of then, as a table."""
    return SAID

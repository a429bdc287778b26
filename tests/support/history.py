"""Histories for tests of readers: events as the log would have recorded them, position by position."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from libs.events import catalogue, vocabulary
from libs.events.envelope import Envelope, Event, EventData, aggregate_of, entity_id_of, stream_name
from libs.events.raid import IssueMovedOut

NAMES = UUID("6d696c65-7374-4f6e-8573-000000000000")
ORG = uuid5(NAMES, "organization")
SOMEBODY = uuid5(NAMES, "somebody")
OF_THE_ORGANIZATION = ("organization", "member", "api_key")
BEGINNING = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

assert vocabulary.CONTEXTS


def an_id(name: str) -> UUID:
    """The same id for the same name, so that a failing test reads the same each time."""
    return uuid5(NAMES, name)


class History:
    """Records events one after the other: dense positions, dense versions, instants a minute apart."""

    def __init__(self, org_id: UUID = ORG, started_at: datetime = BEGINNING, step_seconds: int = 60) -> None:
        self.org_id = org_id
        self.events: list[Event] = []
        self._recorded_at = started_at
        self._step = timedelta(seconds=step_seconds)
        self._versions: dict[tuple[UUID, str], int] = {}
        self._projects: dict[tuple[UUID, str], UUID] = {}
        self._effective: dict[tuple[UUID, str], datetime] = {}

    @property
    def head(self) -> int:
        return len(self.events)

    def record(
        self,
        aggregate: str,
        entity_id: UUID,
        data: EventData,
        *,
        effective_at: datetime | None = None,
        actor: UUID = SOMEBODY,
        org_id: UUID | None = None,
    ) -> Event:
        """What the log would make of it; `effective_at` defaults as the log's does."""
        key = (org_id or self.org_id, stream_name(aggregate, entity_id))
        self._recorded_at += self._step
        version = self._versions[key] = self._versions.get(key, 0) + 1
        effective = effective_at or max(self._recorded_at, self._effective.get(key, self._recorded_at))
        self._effective[key] = effective
        event_type = catalogue.type_of(data)
        position = len(self.events) + 1
        event = catalogue.read(
            Envelope(
                position=position,
                event_id=uuid5(NAMES, f"event {position}"),
                type=event_type.name,
                schema_version=event_type.version,
                org_id=key[0],
                project_id=self._project(key, data),
                stream=key[1],
                version=version,
                recorded_at=self._recorded_at,
                effective_at=effective,
                actor=actor,
                on_behalf_of=None,
                correlation_id=None,
                causation_id=None,
                traceparent=None,
                data=data.model_dump(mode="json"),
            )
        )
        self.events.append(event)
        return event

    def _project(self, key: tuple[UUID, str], data: EventData) -> UUID | None:
        """An issue that moves out still leaves from its old project; everything else belongs where it is."""
        if aggregate_of(key[1]) in OF_THE_ORGANIZATION:
            named: UUID | None = getattr(data, "project_id", None)
            return named
        if aggregate_of(key[1]) == "project":
            return entity_id_of(key[1])
        given: UUID | None = getattr(data, "project_id", None)
        if given is not None and not isinstance(data, IssueMovedOut):
            self._projects[key] = given
        return self._projects[key]

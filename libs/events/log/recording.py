"""What goes into the log and what comes back: one item of an append, and its outcome.

An item is one command: its events on one or several streams, and the answer to remember for its key.
It is recorded whole or not at all. What is made for every command is not frozen, because that triples what
making it costs; nobody changes it nevertheless.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.events.envelope import EventData


@dataclass(slots=True)
class NewEvent:
    """An event that is not in the log yet.

    `version` is its place in its stream, counted from 1. Without `effective_at` it becomes effective when
    it is recorded, but never before `effective_floor`, the last effective instant of its stream.
    """

    event_id: UUID
    stream: str
    version: int
    project_id: UUID | None
    data: EventData
    effective_at: datetime | None = None
    effective_floor: datetime | None = None
    on_behalf_of: UUID | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None


@dataclass(slots=True)
class Answer:
    """A successful answer: what the same key gets again. `version` is that of the resource, for its `ETag`."""

    status: int
    body: bytes
    version: int | None = None
    location: str | None = None


@dataclass(slots=True)
class IdempotencyKey:
    """The client's name of a request. `lifetime` says how long it is remembered; `None` is for ever."""

    key: str
    request_hash: bytes
    lifetime: timedelta | None = timedelta(hours=48)


@dataclass(slots=True)
class Expectation:
    """The version a stream must have (0: it must not exist) when the item is recorded."""

    stream: str
    version: int


@dataclass(slots=True)
class Recording:
    """One item of an append: the events of one command of one actor in one organization.

    `expectations` name every stream of `events`, once each.
    """

    org_id: UUID
    actor: UUID
    expectations: tuple[Expectation, ...]
    events: tuple[NewEvent, ...]
    answer: Answer
    key: IdempotencyKey | None = None


@dataclass(slots=True)
class Appended:
    """The item is in the log, durably. `position` is that of its last event; the head, if it had none."""

    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    """A stream was not at the expected version: load it and decide again."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The key was used before for the same request; this is what was answered then."""

    position: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key was used before for another request."""


Outcome = Appended | Conflict | Replayed | KeyReused

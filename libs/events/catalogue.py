"""Every event type Milepost has ever published: its name, its versions, its model.

Type names are plain strings, never class paths; what was published once can be read for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError

from libs.events.envelope import Envelope, Event, EventData

SUBJECT_ROOT = "milepost"

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
Data = TypeVar("Data", bound=EventData)


class UnknownEvent(Exception):
    """An event type, or a newer schema version of one, that this program does not know yet."""


class InvalidEvent(Exception):
    """The data of an event does not fit its own schema: corrupt history."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type; `upcasters[v]` is pure and turns data of version `v` into that of `v + 1`."""

    name: str
    version: int
    model: type[EventData]
    upcasters: Mapping[int, Upcaster]

    def upcast(self, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Data of an earlier version, or of today's, as today's version has it."""
        for step in range(version, self.version):
            data = self.upcasters[step](data)
        return data


_by_name: dict[str, EventType] = {}
_by_model: dict[type[EventData], EventType] = {}


def published(
    name: str, version: int = 1, upcasters: Mapping[int, Upcaster] | None = None
) -> Callable[[type[Data]], type[Data]]:
    """Class decorator that enters a model in the catalogue under its type name and current version."""

    def enter(model: type[Data]) -> type[Data]:
        if name in _by_name:
            raise ValueError(f"the event type {name} is in the catalogue twice")
        steps = dict(upcasters or {})
        if set(steps) != set(range(1, version)):
            raise ValueError(f"{name} needs an upcaster from each version before {version}")
        event_type = EventType(name, version, model, steps)
        _by_name[name] = event_type
        _by_model[model] = event_type
        return model

    return enter


def event_types() -> tuple[EventType, ...]:
    """Every event type, in alphabetical order of its name."""
    return tuple(_by_name[name] for name in sorted(_by_name))


def type_named(name: str) -> EventType:
    """The event type of that name; raises `UnknownEvent`."""
    try:
        return _by_name[name]
    except KeyError:
        raise UnknownEvent(f"no event type is called {name}") from None


def type_of(data: EventData) -> EventType:
    """The event type to which this data belongs."""
    return _by_model[type(data)]


def read(envelope: Envelope) -> Event:
    """Upcast and validate the data of an event.

    Raises `UnknownEvent` for a type or a newer version this program does not know (wait for the next
    deploy) and `InvalidEvent` for data that does not fit its schema.
    """
    event_type, data = type_named(envelope.type), envelope.data
    if envelope.schema_version != event_type.version:
        data = _upcast(event_type, envelope)
    try:
        return Event(envelope, event_type.model.model_validate(data))
    except ValidationError as error:
        raise InvalidEvent(f"{envelope.type} at position {envelope.position}: {error}") from error


def _upcast(event_type: EventType, envelope: Envelope) -> dict[str, Any]:
    if envelope.schema_version > event_type.version:
        raise UnknownEvent(
            f"{envelope.type} has version {envelope.schema_version}, this program knows {event_type.version}"
        )
    if envelope.schema_version < 1:
        raise InvalidEvent(f"{envelope.type} at position {envelope.position}: there is no version 0 or less")
    return event_type.upcast(envelope.data, envelope.schema_version)


def subject(event: Envelope) -> str:
    """`milepost.<org>.<project>.<aggregate>.<event>`, with `_` where there is no project.

    Tokens come from ids and the catalogue only, so they are always `[a-z0-9-]`.
    """
    return subject_of(event.org_id, event.project_id, event.type)


def subject_of(org_id: UUID, project_id: UUID | None, type_name: str) -> str:
    """The subject of an event of that organization, project and type; see `subject`."""
    project = "_" if project_id is None else str(project_id)
    return f"{SUBJECT_ROOT}.{org_id}.{project}.{type_name.replace('_', '-')}"

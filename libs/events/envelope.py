"""What every event carries besides its data, and its form at every border.

An event has one identity (`event_id`), one place in the history of everything (`position`, gap-free
in commit order) and one place in the life of its aggregate (`stream`, `version`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from libs.chassis.ids import read_uuid

CLOUD_EVENTS_VERSION = "1.0"
SOURCE = "/milepost/projects"


class EventData(BaseModel):
    """The facts of one event. Readers ignore fields they do not know, so that writers may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StreamKey(NamedTuple):
    """The life of one aggregate in one organization; the same stream name may exist in two of them."""

    org_id: UUID
    stream: str


@dataclass(slots=True)
class Envelope:
    """A recorded event as it was published; nobody changes it, but freezing it would triple what making it costs.

    `data` is the decoded JSON of the event, in the schema version of its day; `catalogue.read` upcasts
    and validates it. Instants are aware and in UTC. `project_id` is `None` for events of the organization.
    """

    position: int
    event_id: UUID
    type: str
    schema_version: int
    org_id: UUID
    project_id: UUID | None
    stream: str
    version: int
    recorded_at: datetime
    effective_at: datetime
    actor: UUID
    on_behalf_of: UUID | None
    correlation_id: UUID | None
    causation_id: UUID | None
    traceparent: str | None
    data: dict[str, Any]

    @property
    def key(self) -> StreamKey:
        return StreamKey(self.org_id, self.stream)

    @property
    def entity_id(self) -> UUID:
        """The id of the aggregate, which is the second part of its stream's name."""
        return entity_id_of(self.stream)


class Event(NamedTuple):
    """A recorded event that was read: its envelope, and its data in today's schema version."""

    envelope: Envelope
    data: EventData


@lru_cache(maxsize=65_536)
def stream_name(aggregate: str, entity_id: UUID) -> str:
    """`milestone` and an id make `milestone-<uuid>`."""
    return f"{aggregate}-{entity_id}"


def aggregate_of(stream: str) -> str:
    """`milestone-<uuid>` belongs to a `milestone`."""
    return stream[:-37]


def entity_id_of(stream: str) -> UUID:
    """The id in a stream's name; raises `ValueError` if there is none."""
    return read_uuid(stream[-36:])


def instant(text: str) -> datetime:
    """Read an RFC 3339 instant as an aware datetime in UTC; raises `ValueError` on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z` and always six decimals, so that equal instants are equal bytes."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cloud_event(event: Envelope) -> bytes:
    """Write an event as CloudEvents 1.0.2 structured JSON, the one form it has outside the log."""
    envelope: dict[str, Any] = {
        "specversion": CLOUD_EVENTS_VERSION,
        "id": str(event.event_id),
        "source": SOURCE,
        "type": event.type,
        "subject": event.stream,
        "time": instant_text(event.recorded_at),
        "datacontenttype": "application/json",
        "dataschema": f"/schemas/{event.type}/{event.schema_version}",
        "position": event.position,
        "sequence": f"{event.position:020d}",
        "streamversion": event.version,
        "schemaversion": event.schema_version,
        "orgid": str(event.org_id),
        "effectiveat": instant_text(event.effective_at),
        "actor": str(event.actor),
    }
    for name, value in (
        ("projectid", event.project_id),
        ("onbehalfof", event.on_behalf_of),
        ("correlationid", event.correlation_id),
        ("causationid", event.causation_id),
        ("traceparent", event.traceparent),
    ):
        if value is not None:
            envelope[name] = str(value)
    envelope["data"] = event.data
    return to_json(envelope)


class UnreadableEvent(Exception):
    """Bytes that are no event of ours: broken JSON, or an attribute that is missing or malformed."""


def read_cloud_event(body: bytes) -> Envelope:
    """Read an event from its CloudEvents JSON; raises `UnreadableEvent`, naming what is wrong."""
    try:
        raw = from_json(body, allow_inf_nan=False)
        optional = raw.get
        recorded_at = instant(raw["time"])
        # In the order of the fields: naming them would take a tenth of the time.
        return Envelope(
            int(raw["position"]),
            read_uuid(raw["id"]),
            _text(raw["type"]),
            int(raw["schemaversion"]),
            _uuid(raw["orgid"]),
            _optional_uuid(optional("projectid")),
            _text(raw["subject"]),
            int(raw["streamversion"]),
            recorded_at,
            # Most things are recorded when they happen.
            recorded_at if raw["effectiveat"] == raw["time"] else instant(raw["effectiveat"]),
            _uuid(raw["actor"]),
            _optional_uuid(optional("onbehalfof")),
            _optional_uuid(optional("correlationid")),
            _optional_uuid(optional("causationid")),
            None if optional("traceparent") is None else _text(raw["traceparent"]),
            _object(raw["data"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableEvent(f"not an event of ours: {type(error).__name__}: {error}") from error


# Organizations, projects and people recur; an id that is the same object is found fastest in every table of them.
_uuid = lru_cache(maxsize=20_000)(read_uuid)


@lru_cache(maxsize=20_000)
def _optional_uuid(text: str | None) -> UUID | None:
    return None if text is None else _uuid(text)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value

"""The OpenAPI description of the feed of events and of its stream."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from libs.chassis import openapi
from libs.chassis.freshness import WAIT_SECONDS_MAX
from libs.chassis.moments import POSITION_MAX
from libs.chassis.openapi_headers import named
from libs.events.envelope import Envelope, cloud_event
from services.projects.api import event_feed, event_stream
from services.projects.api.event_questions import FILTER_VALUES_MAX
from services.projects.event_streaming import EndReason
from services.projects.event_tail import frame

TEXT = {"type": "string"}
ID = {"type": "string", "format": "uuid"}
INSTANT = {"type": "string", "format": "date-time"}
POSITION = {"type": "integer", "format": "int64", "minimum": 0, "maximum": POSITION_MAX}
PROJECT_ID = UUID("01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c11")
MILESTONE_ID = UUID("01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c12")
INSTANT_OF_EXAMPLE = datetime(2026, 3, 2, 12, tzinfo=UTC)
EXAMPLE = Envelope(
    position=1042,
    event_id=UUID("01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c13"),
    type="milestone.committed",
    schema_version=1,
    org_id=UUID("01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c01"),
    project_id=PROJECT_ID,
    stream=f"milestone-{MILESTONE_ID}",
    version=2,
    recorded_at=INSTANT_OF_EXAMPLE,
    effective_at=INSTANT_OF_EXAMPLE,
    actor=UUID("01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c02"),
    on_behalf_of=None,
    correlation_id=None,
    causation_id=None,
    traceparent=None,
    data={"baseline_on": "2026-06-30"},
)
FEED = (
    "Every event the caller may see today, in order of position, as it is published everywhere. Ask again with "
    "`after` = `next_after`; a page whose `next_after` is the `head` was the last one. `Prefer: wait` keeps an empty "
    "last page back until there is something for it. A page may be short, or empty, before the head: a bounded piece "
    "of the log is examined for each."
)
STREAM = (
    "The same events as they are recorded, as server-sent events. The id of a frame is a position: come back with the "
    "last one as `Last-Event-ID`, and nothing is missed or doubled. Frames of events are `message`s with a CloudEvent "
    "as data; `ping` lets the id advance at least every 15 seconds; `end` is the last frame and says why: "
    + ", ".join(f"`{reason}`" for reason in EndReason if reason is not EndReason.LEFT)
    + "."
)


def paths() -> dict[str, Any]:
    """Both operations."""
    return {event_feed.PATH: {"get": _feed()}, event_stream.PATH: {"get": _stream()}}


def schemas() -> dict[str, Any]:
    """The JSON Schemas of an event and of a page of events."""
    page = {
        "type": "object",
        "description": "A piece of the log, as far as the caller may see and wants it.",
        "required": ["items", "next_after", "head"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/CloudEvent"}},
            "next_after": {
                **POSITION,
                "description": "Where the next page begins; nothing else lies before it.",
            },
            "head": {**POSITION, "description": "The position of the last event of all."},
        },
    }
    return {"CloudEvent": _cloud_event(), "EventPage": page}


def _cloud_event() -> dict[str, Any]:
    properties = {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": {**ID, "description": "The same wherever the event is published."},
        "source": TEXT,
        "type": {**TEXT, "description": "One of the types of docs/events.md."},
        "subject": {**TEXT, "description": "The stream of the aggregate: its name and its id."},
        "time": {**INSTANT, "description": "When it was recorded."},
        "datacontenttype": TEXT,
        "dataschema": {"type": "string", "format": "uri-reference"},
        "position": {**POSITION, "minimum": 1, "description": "Its place in the log."},
        "sequence": {**TEXT, "description": "The position in 20 digits, which sort as text."},
        "streamversion": {
            "type": "integer",
            "minimum": 1,
            "description": "The version it made of its aggregate.",
        },
        "schemaversion": {"type": "integer", "minimum": 1},
        "orgid": ID,
        "projectid": {**ID, "description": "Missing where it belongs to no project."},
        "effectiveat": {**INSTANT, "description": "When it was true in the business."},
        "actor": {**ID, "description": "The person or the API key who did it."},
        "onbehalfof": ID,
        "correlationid": ID,
        "causationid": ID,
        "traceparent": TEXT,
        "data": {"type": "object", "additionalProperties": True, "description": "As its `dataschema` says."},
    }
    optional = {"projectid", "onbehalfof", "correlationid", "causationid", "traceparent"}
    return {
        "type": "object",
        "description": "An event as CloudEvents 1.0 in JSON.",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
        "additionalProperties": True,
    }


def _feed() -> dict[str, Any]:
    event = from_json(cloud_event(EXAMPLE))
    page = {"items": [event], "next_after": 1042, "head": 1042}
    schema = {"$ref": "#/components/schemas/EventPage"}
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": event_feed.LIMIT_MAX,
        "default": event_feed.LIMIT_DEFAULT,
    }
    return {
        "operationId": "listEvents",
        "tags": ["events"],
        "summary": "List events",
        "description": FEED,
        "parameters": [
            _query("after", "The position behind which to begin.", {**POSITION, "default": 0}),
            *_filters(),
            _query("limit", "How many events at most; fewer, where they exceed 1 MiB.", limit),
            _header("Prefer", f"`wait=N`: for so many seconds, at most {WAIT_SECONDS_MAX:.0f}.", TEXT),
        ],
        "responses": {
            "200": {
                "description": "A page of events",
                "headers": named("Milepost-Position", "Link", "Cache-Control"),
                "content": {"application/json": {"schema": schema, "example": page}},
            }
        },
        **openapi.refusing("position_unknown"),
    }


def _stream() -> dict[str, Any]:
    frames = frame(EXAMPLE.position, cloud_event(EXAMPLE)).decode()
    return {
        "operationId": "streamEvents",
        "tags": ["events"],
        "summary": "Stream events",
        "description": STREAM,
        "parameters": [
            _header(
                "Last-Event-ID",
                "The position behind which to begin; counts more than `after`.",
                POSITION,
                example=1042,
            ),
            _query("after", "The position behind which to begin; without one, now.", POSITION),
            *_filters(),
        ],
        "responses": {
            "200": {
                "description": "Frames, for as long as the reader stays",
                "headers": named("Cache-Control"),
                "content": {"text/event-stream": {"schema": TEXT, "example": frames}},
            }
        },
        **openapi.refusing("position_unknown", "too_many_streams"),
    }


def _filters() -> list[dict[str, Any]]:
    def several(items: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": items, "maxItems": FILTER_VALUES_MAX}

    return [
        _query("project_id", "Only events of this project; repeated: of any of these.", several(ID)),
        _query(
            "type",
            "Only events of this type, or with `milestone.*` of an aggregate; repeated: of any of these.",
            several({"type": "string", "pattern": r"^[a-z_]+\.([a-z_]+|\*)$"}),
            example=["milestone.*"],
        ),
    ]


def _query(name: str, description: str, schema: dict[str, Any], **shown: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": dict(schema), **shown}


def _header(name: str, description: str, schema: dict[str, Any], **shown: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": dict(schema), **shown}

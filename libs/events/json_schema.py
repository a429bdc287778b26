"""The JSON Schema of events: of what every event carries, and of the data of each type.

Dialect 2020-12, in words that draft-07 also knows, so that validators of either read it.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from libs.events.catalogue import EventType
from libs.events.envelope import CLOUD_EVENTS_VERSION, SOURCE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# No event type is called that: every type's name has a dot.
ENVELOPE = "envelope"
ENVELOPE_VERSION = 1

_ID = {"type": "string", "format": "uuid"}
_INSTANT = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer", "minimum": 1}
_TEXT = {"type": "string"}

# Every attribute of an event, in the order in which it is written.
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "specversion": {
        **_TEXT,
        "const": CLOUD_EVENTS_VERSION,
        "description": f"CloudEvents version, always `{CLOUD_EVENTS_VERSION}`.",
    },
    "id": {
        **_ID,
        "description": "The event's own id, a UUID. The same id is the same event, however often it arrives.",
    },
    "source": {**_TEXT, "format": "uri-reference", "description": f"What recorded it: `{SOURCE}`."},
    "type": {
        **_TEXT,
        "pattern": "^[a-z_]+\\.[a-z_]+$",
        "description": "What happened, such as `milestone.reforecast`: aggregate and event.",
    },
    "subject": {
        **_TEXT,
        "description": "The stream, `<aggregate>-<uuid>`: the life of one project, milestone or issue.",
    },
    "time": {
        **_INSTANT,
        "description": "When it was recorded, in UTC; never earlier than the event before it.",
    },
    "datacontenttype": {
        **_TEXT,
        "const": "application/json",
        "description": "Always `application/json`.",
    },
    "dataschema": {
        **_TEXT,
        "format": "uri-reference",
        "description": "Where the JSON Schema of `data` stands, on the host of projects.",
    },
    "position": {
        **_NUMBER,
        "description": "Its place in the history of everything: gap-free, in the order of commits.",
    },
    "sequence": {
        **_TEXT,
        "pattern": "^[0-9]{20}$",
        "description": "The position as text of twenty digits, which sorts like the number.",
    },
    "streamversion": {**_NUMBER, "description": "Its place in the life of its aggregate: gap-free, from 1."},
    "schemaversion": {**_NUMBER, "description": "The version of `data`."},
    "orgid": {**_ID, "description": "The organization."},
    "effectiveat": {
        **_INSTANT,
        "description": "When it was true in the business, in UTC; it may have become known later.",
    },
    "actor": {**_ID, "description": "The person or the API key that did it, by id."},
    "projectid": {**_ID, "description": "The project; absent for events of the organization."},
    "onbehalfof": {
        **_ID,
        "description": "The person for whom the actor recorded it, if it was another one.",
    },
    "correlationid": {**_ID, "description": "What all events of one request have in common, if known."},
    "causationid": {**_ID, "description": "The event that led to this one, if one did."},
    "traceparent": {**_TEXT, "description": "W3C trace context of the request, if it was traced."},
    "data": {
        "type": "object",
        "description": "The facts of the event, by its type. A field without a value is absent.",
    },
}
MAY_BE_ABSENT = frozenset({"projectid", "onbehalfof", "correlationid", "causationid", "traceparent"})


class _PublishedSchema(GenerateJsonSchema):
    """Without made-up titles, and with the one format that JSON Schema has no name for."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return {"type": "string", "format": "decimal"}


def schema_path(name: str, version: int) -> str:
    """The path of the schema of an event's data, as its `dataschema` attribute names it."""
    return f"/schemas/{name}/{version}"


def json_schema(event_type: EventType) -> dict[str, Any]:
    """The schema of the data with which events of that type are published today."""
    schema = event_type.model.model_json_schema(mode="serialization", schema_generator=_PublishedSchema)
    return {
        "$schema": DIALECT,
        "$id": schema_path(event_type.name, event_type.version),
        **schema,
        "title": event_type.name,
    }


def envelope_schema() -> dict[str, Any]:
    """The schema of a whole event, as CloudEvents 1.0 in JSON; what `data` is, its type's own schema says."""
    return {
        "$schema": DIALECT,
        "$id": schema_path(ENVELOPE, ENVELOPE_VERSION),
        "title": ENVELOPE,
        "description": "What every event carries: a CloudEvent with the attributes of Milepost.",
        "type": "object",
        "properties": ATTRIBUTES,
        "required": [name for name in ATTRIBUTES if name not in MAY_BE_ABSENT],
    }

"""The AsyncAPI 3.1 document: every event there is, and every way in which others receive it.

Made from the published schemas and samples; `python -m tests.contract.publishing` writes it to `docs/asyncapi.json`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from libs.events.asyncapi_ways import SECURITY_SCHEMES, SERVERS, WEBHOOK_HEADERS, channels, operations
from libs.events.json_schema import ENVELOPE, schema_path
from libs.events.schema_files import Published

Json = dict[str, Any]

DOCUMENT = Path("docs/asyncapi.json")
MEDIA_TYPE = "application/cloudevents+json"
EVENT = "Event"
WEBHOOK = "webhook"
FEED_PAGE = "feed.page"
DESCRIPTION = """Everything that happens in Milepost is an event, and every event is a CloudEvent 1.0 in JSON.

- `position` is its place in the history of everything. Remember the last one you have dealt with, in the same \
transaction as what you made of it, and go on after it: then nothing is lost and nothing is done twice.
- Whatever way you receive events, you receive those of the projects you may see, in the order of positions, each at \
least once. A position you do not see belongs to others.
- Ignore fields and types you do not know. A version of an event only ever gains optional fields; anything else is a \
new version."""


def document(schemas: Mapping[Published, Json], samples: Mapping[Published, Json]) -> Json:
    """The document about these published schemas, the envelope's among them.

    `samples` has a whole event for each schema but the envelope's.
    """
    events = sorted(which for which in schemas if which.name != ENVELOPE)
    names = [_message_name(which) for which in events]
    messages = {_message_name(which): _message(which, schemas[which], samples[which]) for which in events}
    return {
        "asyncapi": "3.1.0",
        "info": {"title": "Milepost events", "version": "1", "description": DESCRIPTION},
        "defaultContentType": MEDIA_TYPE,
        "servers": SERVERS,
        "channels": channels(names, webhook=WEBHOOK, feed_page=FEED_PAGE),
        "operations": operations(),
        "components": {
            "messages": {**messages, WEBHOOK: _webhook(samples), FEED_PAGE: _feed_page(samples)},
            "schemas": _schemas(schemas),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _schema(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _message_name(which: Published) -> str:
    return f"{which.name}.v{which.version}"


def _message(which: Published, schema: Json, sample: Json) -> Json:
    facts = {
        "type": "object",
        "properties": {
            "type": {"const": which.name},
            "schemaversion": {"const": which.version},
            "dataschema": {"const": schema_path(*which)},
            "data": _schema(_message_name(which)),
        },
    }
    return {
        "name": which.name,
        "title": which.name,
        "summary": schema["description"],
        "tags": [{"name": which.name.partition(".")[0]}],
        "contentType": MEDIA_TYPE,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": {"allOf": [_schema(EVENT), facts]},
        "examples": [{"name": which.name, "payload": sample}],
    }


def _webhook(samples: Mapping[Published, Json]) -> Json:
    sample = next(iter(samples.values()))
    headers = {
        "webhook-id": sample["id"],
        "webhook-timestamp": "1784635200",
        "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    }
    return {
        "name": WEBHOOK,
        "title": "An event, signed",
        "summary": "Any of the events above, with the three headers of Standard Webhooks.",
        "contentType": MEDIA_TYPE,
        "headers": WEBHOOK_HEADERS,
        "payload": _schema(EVENT),
        "examples": [{"name": WEBHOOK, "headers": headers, "payload": sample}],
    }


def _feed_page(samples: Mapping[Published, Json]) -> Json:
    sample = next(iter(samples.values()))
    page = {"items": [sample], "next_after": sample["position"], "head": sample["position"] + 7}
    payload = {
        "type": "object",
        "required": ["items", "next_after", "head"],
        "properties": {
            "items": {
                "type": "array",
                "items": _schema(EVENT),
                "description": "Events in the order of positions.",
            },
            "next_after": {
                "type": "integer",
                "minimum": 0,
                "description": "Go on `after` it, also where this page has no event: there was nothing else for you.",
            },
            "head": {"type": "integer", "minimum": 0, "description": "Where the log ended at that moment."},
        },
    }
    return {
        "name": FEED_PAGE,
        "title": "A page of events",
        "summary": "Events after a position, and where to go on.",
        "contentType": "application/json",
        "payload": payload,
        "examples": [{"name": FEED_PAGE, "payload": page}],
    }


def _schemas(schemas: Mapping[Published, Json]) -> dict[str, Json]:
    """All of them under names of their own, and once what they share."""
    found: dict[str, Json] = {}
    for which in sorted(schemas, key=lambda which: (which.name, -which.version)):
        name = EVENT if which.name == ENVELOPE else _message_name(which)
        words = schemas[which].get("$defs", {})
        # What a word meant in an earlier version stands under that version's name.
        names = {
            word: word if found.get(word, words[word]) == words[word] else f"{name}.{word}" for word in words
        }
        found |= {names[word]: _referring(words[word], names) for word in words}
        own = {key: value for key, value in schemas[which].items() if key not in ("$schema", "$id", "$defs")}
        found[name] = _referring(own, names)
    return found


def _referring(node: Any, names: Mapping[str, str]) -> Any:
    """The schema with every reference into itself pointing to where the document has that word."""
    if isinstance(node, dict):
        return {
            key: _schema(names[value.removeprefix("#/$defs/")])["$ref"]
            if key == "$ref"
            else _referring(value, names)
            for key, value in node.items()
        }
    return [_referring(each, names) for each in node] if isinstance(node, list) else node

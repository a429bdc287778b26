"""The ways in which events leave Milepost, as AsyncAPI describes them: servers, channels, operations, security.

Milepost sends in all of them: projects answers the feed and its stream, notifications delivers webhooks.
"""

from collections.abc import Sequence
from typing import Any

from libs.events.catalogue import SUBJECT_ROOT

Json = dict[str, Any]

FEED_PATH = "/v1/events"
STREAM_PATH = "/v1/events/stream"
SUBJECT = f"{SUBJECT_ROOT}.{{organization}}.{{project}}.{{aggregate}}.{{event}}"

_ID = "A UUID in lower case."
_TEXT = {"type": "string"}
_SECRETS = [{"$ref": "#/components/securitySchemes/bearer"}]

SECURITY_SCHEMES: dict[str, Json] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer mpk_…` with an API key, or a person's JWT.",
    },
    "natsApiKey": {
        "type": "userPassword",
        "description": "The API key, `mpk_…`, is the password of any user, or the token of the connection.",
    },
}

SERVERS: dict[str, Json] = {
    "projects": {
        "host": "milepost.example",
        "protocol": "https",
        "title": "projects over HTTP",
        "description": "The log's own feed: every event from any position on, authorized on every page.",
        "security": _SECRETS,
    },
    "nats": {
        "host": "nats.milepost.example:4222",
        "protocol": "nats",
        "title": "NATS JetStream",
        "description": "The stream `PROJECTS`, a copy of the latest events of the log; older ones come from the feed.",
        "security": [{"$ref": "#/components/securitySchemes/natsApiKey"}],
    },
    "receiver": {
        "host": "{host}",
        "protocol": "https",
        "title": "Your endpoint",
        "description": "Where you registered a webhook.",
        "variables": {"host": {"description": "The host of the URL you registered."}},
    },
}

WEBHOOK_HEADERS: Json = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {**_TEXT, "description": "The same for every attempt to deliver the same event."},
        "webhook-timestamp": {
            **_TEXT,
            "pattern": "^[0-9]+$",
            "description": "When this attempt was made, in seconds since 1970. Refuse what is five minutes off.",
        },
        "webhook-signature": {
            **_TEXT,
            "description": "`v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`; two of them, with a "
            "space between, while the secret is being rotated.",
        },
    },
}

SUBJECT_PARAMETERS: dict[str, Json] = {
    "organization": {"description": _ID},
    "project": {"description": f"{_ID} `_` for events of the organization."},
    "aggregate": {"description": "The part of the type before the dot, `-` for `_`."},
    "event": {"description": "The part of the type after the dot, `-` for `_`."},
}

CHOICE_OF_EVENTS: dict[str, Json] = {
    "after": {
        "type": "integer",
        "minimum": 0,
        "default": 0,
        "description": "Only events after this position.",
    },
    "project_id": {
        "type": "array",
        "items": {"type": "string", "format": "uuid"},
        "description": "Only events of these projects; repeat it for several.",
    },
    "type": {
        "type": "array",
        "items": _TEXT,
        "description": "Only events of these types; `milestone.*` is all of an aggregate. Repeat it for several.",
    },
}


def channels(events: Sequence[str], *, webhook: str, feed_page: str) -> dict[str, Json]:
    """Where events arrive. The arguments name messages: those of the events, and what carries them elsewhere."""
    every = _messages(*events)
    return {
        "feed": {
            "title": "Event feed",
            "address": FEED_PATH,
            "description": "Pages of events after a position. With `Prefer: wait=5` an empty one waits for an event.",
            "servers": [_server("projects")],
            "messages": _messages(feed_page),
        },
        "stream": {
            "title": "Event stream",
            "address": STREAM_PATH,
            "description": "Server-sent events from now on, or after a position: `id` is the position, `data` the "
            "CloudEvent. Frames named `ping` and `end` are no events, but their `id` too is how far you have come. A "
            "client that reconnects with `Last-Event-ID` goes on where it was.",
            "servers": [_server("projects")],
            "messages": every,
        },
        "subjects": {
            "title": "NATS subjects",
            "address": SUBJECT,
            "description": "Fetched and acknowledged through the durable that Milepost makes for an API key, which "
            "has the subjects of its projects. Nothing can be subscribed to directly. The name of the durable is the "
            "part of the key between the underscores. JetStream's API has the prefix `$JS.milepost.API` there, and the "
            "inbox must have the prefix `_INBOX_<name>`.",
            "servers": [_server("nats")],
            "parameters": SUBJECT_PARAMETERS,
            "messages": every,
        },
        "webhooks": {
            "title": "Webhooks",
            "address": None,
            "description": "The URL you registered with notifications. Before the first event it gets a signed "
            "`webhook.verification` and answers with its `data.challenge`.",
            "servers": [_server("receiver")],
            "messages": _messages(webhook),
        },
    }


def operations() -> dict[str, Json]:
    """What Milepost does on each channel."""
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 50,
        "description": "Events on a page.",
    }
    return {
        "answerFeed": {
            **_sending("feed", "Answer with a page of events"),
            "bindings": _http("GET", {**CHOICE_OF_EVENTS, "limit": limit}),
        },
        "streamEvents": {
            **_sending("stream", "Send every event as it is recorded"),
            "bindings": _http("GET", CHOICE_OF_EVENTS),
        },
        "publishEvents": {
            **_sending("subjects", "Publish every event"),
            "bindings": {"nats": {"bindingVersion": "0.1.0"}},
        },
        "deliverWebhook": {
            **_sending("webhooks", "Deliver the events a webhook asked for, in order, until it answers 2xx"),
            "bindings": _http("POST"),
        },
    }


def _messages(*names: str) -> dict[str, Json]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _server(name: str) -> Json:
    return {"$ref": f"#/servers/{name}"}


def _sending(channel: str, summary: str) -> Json:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _http(method: str, query: Json | None = None) -> Json:
    binding: Json = {"method": method, "bindingVersion": "0.3.0"}
    if query:
        binding["query"] = {"type": "object", "properties": query}
    return {"http": binding}

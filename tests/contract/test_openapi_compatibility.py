"""Each way to break a client of a published API document is refused, and each way to add to it is not."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from deploy.openapi.compatibility import breaking_changes

Document = dict[str, Any]
OPERATION = "POST /v1/things/{thing_id}/grow"
THING = {
    "type": "object",
    "required": ["thing_id", "size"],
    "properties": {
        "thing_id": {"type": "string", "format": "uuid"},
        "size": {"type": "integer"},
        "kind": {"type": "string", "enum": ["tree", "house"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
    },
}
WISH = {
    "type": "object",
    "additionalProperties": False,
    "required": ["by"],
    "properties": {
        "by": {"type": "integer", "minimum": 1, "maximum": 100},
        "kind": {"type": "string", "enum": ["tree", "house"]},
        "reason": {"anyOf": [{"type": "string", "maxLength": 100}, {"type": "null"}]},
        "names": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
    },
}
PUBLISHED: Document = {
    "paths": {
        "/v1/things/{thing_id}/grow": {
            "post": {
                "operationId": "growThing",
                "parameters": [
                    {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 200}},
                ],
                "requestBody": {
                    "required": False,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}},
                },
                "responses": {
                    "200": {
                        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                },
            }
        }
    },
    "components": {"schemas": {"Thing": THING, "Wish": WISH}},
}

Change = Callable[[Document], None]


def operation(document: Document) -> Any:
    return document["paths"]["/v1/things/{thing_id}/grow"]["post"]


def thing(document: Document) -> Any:
    return document["components"]["schemas"]["Thing"]


def wish(document: Document) -> Any:
    return document["components"]["schemas"]["Wish"]["properties"]


def setting(place: Callable[[Document], Any], name: str, value: Any) -> Change:
    return lambda document: place(document).__setitem__(name, value)


def taking(place: Callable[[Document], Any], name: Any) -> Change:
    return lambda document: place(document).__delitem__(name)


def adding(place: Callable[[Document], Any], value: Any) -> Change:
    return lambda document: place(document).append(value)


def answer(document: Document) -> Any:
    return operation(document)["responses"]["200"]


PARAMETER = {"name": "color", "in": "query", "schema": {"type": "string"}}
BREAKS: dict[str, Change] = {
    "was removed": taking(lambda d: d["paths"], "/v1/things/{thing_id}/grow"),
    "operationId was growThing, is expand": setting(operation, "operationId", "expand"),
    "the query parameter limit was removed": taking(lambda d: operation(d)["parameters"], 1),
    "the query parameter limit is required now": setting(
        lambda d: operation(d)["parameters"][1], "required", True
    ),
    "the query parameter color is required now": adding(
        lambda d: operation(d)["parameters"], {**PARAMETER, "required": True}
    ),
    "the query parameter limit: maximum was 200, is 100": setting(
        lambda d: operation(d)["parameters"][1]["schema"], "maximum", 100
    ),
    "the body was removed": taking(operation, "requestBody"),
    "the body is required now": setting(lambda d: operation(d)["requestBody"], "required", True),
    "the body is not application/json any more": taking(
        lambda d: operation(d)["requestBody"]["content"], "application/json"
    ),
    "the body.kind: the value house was removed": setting(lambda d: wish(d)["kind"], "enum", ["tree"]),
    "the body.kind was removed": taking(wish, "kind"),
    "the body.kind is required now": adding(lambda d: d["components"]["schemas"]["Wish"]["required"], "kind"),
    "the body.by: type was integer, is string": setting(lambda d: wish(d)["by"], "type", "string"),
    "the body.by: minimum was 1, is 2": setting(lambda d: wish(d)["by"], "minimum", 2),
    "the body.by: multipleOf was None, is 5": setting(lambda d: wish(d)["by"], "multipleOf", 5),
    "the body.by takes only 2 values now": setting(lambda d: wish(d)["by"], "enum", [1, 2]),
    "the body.reason: null is no alternative any more": taking(lambda d: wish(d)["reason"]["anyOf"], 1),
    "the body.names[]: pattern was ^[a-z]+$, is ^[a-z]$": setting(
        lambda d: wish(d)["names"]["items"], "pattern", "^[a-z]$"
    ),
    "the answer 200 was removed": lambda d: operation(d)["responses"].update(
        {"202": operation(d)["responses"].pop("200")}
    ),
    "the answer 202 is new": setting(lambda d: operation(d)["responses"], "202", {}),
    "the answer 200 has no header ETag any more": taking(lambda d: answer(d)["headers"], "ETag"),
    "the answer 200 is not application/json any more": taking(
        lambda d: answer(d)["content"], "application/json"
    ),
    "the answer 200.size was removed": taking(lambda d: thing(d)["properties"], "size"),
    "the answer 200.size is no longer always there": setting(thing, "required", ["thing_id"]),
    "the answer 200.size: type was integer, is number": setting(
        lambda d: thing(d)["properties"]["size"], "type", "number"
    ),
    "the answer 200.thing_id: format was uuid, is None": taking(
        lambda d: thing(d)["properties"]["thing_id"], "format"
    ),
    "the answer 200.kind: the value house was removed": setting(
        lambda d: thing(d)["properties"]["kind"], "enum", ["tree"]
    ),
    "the answer 200.kind may be any value now": taking(lambda d: thing(d)["properties"]["kind"], "enum"),
    "the answer 200.note: integer is no alternative anybody expects": adding(
        lambda d: thing(d)["properties"]["note"]["anyOf"], {"type": "integer"}
    ),
    "the answer 200.thing_id: type was string, is anything": setting(
        lambda d: thing(d)["properties"], "thing_id", {}
    ),
    "needs a token now": lambda d: None,
}
ADDITIONS: dict[str, Change] = {
    "nothing": lambda d: None,
    "a path": setting(lambda d: d["paths"], "/v1/new", {"get": {"operationId": "new", "responses": {}}}),
    "an optional parameter": adding(lambda d: operation(d)["parameters"], PARAMETER),
    "a higher limit": setting(lambda d: operation(d)["parameters"][1]["schema"], "maximum", 500),
    "an optional field to ask with": setting(wish, "color", {"type": "string"}),
    "a value to ask with": setting(lambda d: wish(d)["kind"], "enum", ["tree", "house", "road"]),
    "another type to ask with": setting(lambda d: wish(d)["by"], "type", ["integer", "string"]),
    "a field that need not be given any more": lambda d: d["components"]["schemas"]["Wish"][
        "required"
    ].clear(),
    "a body that need not fit a pattern": taking(lambda d: wish(d)["names"]["items"], "pattern"),
    "an alternative to ask with": adding(lambda d: wish(d)["reason"]["anyOf"], {"type": "integer"}),
    "a field in the answer": setting(lambda d: thing(d)["properties"], "age", {"type": "integer"}),
    "a value in the answer": setting(
        lambda d: thing(d)["properties"]["kind"], "enum", ["tree", "house", "road"]
    ),
    "a field that is always answered now": adding(lambda d: thing(d)["required"], "kind"),
    "an answer that is never null any more": taking(lambda d: thing(d)["properties"]["note"]["anyOf"], 1),
    "a header": setting(lambda d: answer(d)["headers"], "Link", {}),
    "an answer to a condition": setting(lambda d: operation(d)["responses"], "304", {}),
    "an error that may occur": setting(lambda d: operation(d)["responses"], "409", {}),
    "an error that does not occur any more": taking(lambda d: operation(d)["responses"], "404"),
    "other words": setting(lambda d: thing(d), "description", "A thing."),
}


def changed(change: Change) -> Document:
    document = deepcopy(PUBLISHED)
    change(document)
    return document


@pytest.mark.parametrize("sentence", BREAKS)
def test_what_breaks_a_client_is_named(sentence: str) -> None:
    published = deepcopy(PUBLISHED)
    if sentence == "needs a token now":
        operation(published)["security"] = []
    broken = breaking_changes(published, changed(BREAKS[sentence]))
    assert any(each.startswith(OPERATION) and sentence in each for each in broken), broken


@pytest.mark.parametrize("addition", ADDITIONS)
def test_what_only_adds_is_allowed(addition: str) -> None:
    assert breaking_changes(PUBLISHED, changed(ADDITIONS[addition])) == []

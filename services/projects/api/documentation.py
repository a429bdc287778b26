"""The OpenAPI description of the commands, derived from the aggregates: one operation per command."""

import re
import sys
from collections.abc import Iterator
from inspect import getdoc
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from libs.chassis import openapi
from libs.chassis.application import Application
from libs.chassis.openapi_headers import named
from services.projects import references, refusals
from services.projects.aggregate import Aggregate, Command, Rejection, code_of
from services.projects.aggregates import AGGREGATES
from services.projects.api import event_documentation, examples, imports
from services.projects.api.commands import KEY_CHARACTERS_MAX
from services.projects.import_lines import ImportLine, LineResult
from services.projects.rendering import hidden

DESCRIPTION = "Ask projects to do something; ask timeline what happened."
REFERENCE = "#/components/schemas/{model}"
ID = {"type": "string", "format": "uuid", "pattern": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
TAGS = {"type": "string", "maxLength": 1_000, "pattern": r'^\s*(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)\s*$'}
KEY = {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX}
SECRET = {"type": "string", "description": "The key itself; only the answer that makes it tells it, once."}
LAST_USED_AT = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
    "description": "When it last let its holder in, anywhere, a minute ago at most if it is in use; `null`: never. "
    "Only who asks for the key is told.",
}
# The log may not tell in time whether it recorded, or others may be faster, whatever the command.
OF_THE_LOG = ("contended", "outcome_unknown")


def install(app: Application) -> None:
    """Describe every command, resource and import, and the feed of events, in the document of `app`."""
    app.describe(paths() | event_documentation.paths(), schemas() | event_documentation.schemas())


def paths() -> dict[str, Any]:
    described: dict[str, Any] = {imports.PATH: {"post": _import_operation()}}
    for aggregate in AGGREGATES:
        path = f"/v1/{aggregate.plural}"
        verb, creating = aggregate.creating
        if verb not in aggregate.for_operators:
            described[path] = {"post": _operation(aggregate, creating, "201")}
        described[f"{path}/{{{aggregate.id_field}}}"] = {"get": _show(aggregate)}
        for verb, command in aggregate.public_commands():
            described[f"{path}/{{{aggregate.id_field}}}/{verb}"] = {
                "post": _operation(aggregate, command, "200")
            }
    return described


def schemas() -> dict[str, Any]:
    """The JSON Schemas of commands and resources, by name."""
    commands = [
        command
        for aggregate in AGGREGATES
        for verb, command in (aggregate.creating, *aggregate.commands.items())
        if verb not in aggregate.for_operators
    ]
    models: Any = [(model, "validation") for model in (*commands, ImportLine)]
    _, definitions = models_json_schema([*models, (LineResult, "serialization")], ref_template=REFERENCE)
    found: dict[str, Any] = dict(definitions["$defs"])
    for command in commands:
        # The answer tells of the resource, and its id; the command is the wish alone.
        found[command.__name__]["examples"] = [examples.request_body(command)]
    for aggregate in AGGREGATES:
        found |= _resource_schema(aggregate)
    return found


def rejections(command: type[Command], aggregate: Aggregate[Any]) -> list[str]:
    """The codes of the domain's refusals that concern a command: those of its module, its aggregate, and of all."""
    own = sys.modules[command.__module__]
    state = sys.modules[aggregate.state.__module__]
    known = (own, state, references, refusals)
    return [code_of(rejection) for module in dict.fromkeys(known) for rejection in _rejections_of(module)]


def _rejections_of(module: ModuleType) -> Iterator[type[Rejection]]:
    for word in vars(module).values():
        if isinstance(word, type) and issubclass(word, Rejection) and word.__module__ == module.__name__:
            yield word


def _resource_schema(aggregate: Aggregate[Any]) -> dict[str, Any]:
    schema = TypeAdapter(aggregate.state).json_schema(mode="serialization", ref_template=REFERENCE)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    own = {
        aggregate.id_field: dict(ID),
        "version": {"type": "integer", "minimum": 1, "description": "Of its stream; also the ETag."},
    }
    unshown = hidden(aggregate)
    shown = {name: each for name, each in schema["properties"].items() if name not in unshown}
    schema["properties"] = own | shown
    schema["required"] = list(schema["properties"])
    if _makes_secret(aggregate):
        schema["properties"]["secret"] = dict(SECRET)
    if aggregate.is_used:
        schema["properties"]["last_used_at"] = dict(LAST_USED_AT)
    return {**definitions, aggregate.state.__name__: schema}


def _makes_secret(aggregate: Aggregate[Any]) -> bool:
    return any(command.makes_secret for _, command in (aggregate.creating, *aggregate.commands.items()))


def _operation(aggregate: Aggregate[Any], command: type[Command], status: str) -> dict[str, Any]:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", command.__name__)
    parameters = [
        _header("Idempotency-Key", "The client's name of this request; sent again, it happens once.", KEY)
    ]
    if status == "200":
        parameters += [
            _id_parameter(aggregate),
            _header("If-Match", "The ETag the caller has seen; another version answers 412.", TAGS),
        ]
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model=command.__name__)}}}
    return {
        "operationId": command.__name__[0].lower() + command.__name__[1:],
        "tags": [aggregate.plural],
        "summary": words.capitalize(),
        "description": _own_docstring(command),
        "parameters": parameters,
        "requestBody": {
            "required": bool(command.model_json_schema().get("required")),
            "content": content,
        },
        "responses": {status: _resource_response(aggregate, examples.answer(aggregate, command))},
        **openapi.refusing(*OF_THE_LOG, *rejections(command, aggregate)),
    }


def _show(aggregate: Aggregate[Any]) -> dict[str, Any]:
    name = aggregate.state.__name__
    shown = examples.answer(aggregate, aggregate.creating[1])
    shown.pop("secret", None)
    if aggregate.is_used:
        shown["last_used_at"] = examples.USED_AT
    return {
        "operationId": f"show{name}",
        "tags": [aggregate.plural],
        "summary": f"Show {aggregate.name.replace('_', ' ')}",
        "parameters": [_id_parameter(aggregate)],
        "responses": {"200": _resource_response(aggregate, shown)},
    }


def _import_operation() -> dict[str, Any]:
    def lines(model: str, *values: dict[str, Any]) -> dict[str, Any]:
        schema = {"$ref": REFERENCE.format(model=model)}
        described = {"type": "string", "format": "binary", "x-line-schema": schema}
        return {imports.MEDIA_TYPE: {"schema": described, "example": examples.lines(*values)}}

    result = {"line": 1, "key": examples.IMPORT_LINE["key"], "outcome": "recorded", "position": 1042}
    total = {
        "lines": 1,
        "recorded": 1,
        "unchanged": 0,
        "replayed": 0,
        "refused": 0,
        "malformed": 0,
        "unknown": 0,
    }
    answered = {
        "description": "One result a line, then the sum.",
        "headers": named(),
        "content": lines("LineResult", result, {**total, "position": 1042}),
    }
    return {
        "operationId": "importCommands",
        "tags": ["imports"],
        "summary": "Import commands",
        "description": "One command a line, one result a line. Send it again after an interruption. What you may do is "
        "looked up again on the way: an import ends with your token, key or membership, and the sum says so in `code` "
        "and `detail`; what comes after the last result was not recorded.",
        "requestBody": {"required": True, "content": lines("ImportLine", examples.IMPORT_LINE)},
        "responses": {"200": answered},
    }


def _resource_response(aggregate: Aggregate[Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model=aggregate.state.__name__)}
    return {
        "description": f"The {aggregate.name.replace('_', ' ')}",
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _id_parameter(aggregate: Aggregate[Any]) -> dict[str, Any]:
    return {"name": aggregate.id_field, "in": "path", "required": True, "schema": dict(ID)}


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": dict(schema)}


def _own_docstring(command: type[Command]) -> str:
    return getdoc(command) or "" if command.__doc__ else ""

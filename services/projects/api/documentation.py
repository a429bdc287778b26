"""The OpenAPI description of the commands, derived from the aggregates: one operation per command."""

import re
from inspect import getdoc
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from libs.chassis.application import Application
from libs.chassis.openapi import problem_response
from services.projects.aggregate import Aggregate, Command
from services.projects.aggregates import AGGREGATES
from services.projects.api import imports
from services.projects.importing import ImportLine, LineResult

DESCRIPTION = "Ask projects to do something; ask timeline what happened."
REFERENCE = "#/components/schemas/{model}"
SECRET = {"type": "string", "description": "The key itself; only the answer that makes it tells it, once."}
STATUSES_OF_COMMANDS = ("400", "404", "409", "412", "413", "415")


def install(app: Application) -> None:
    """Describe every command, resource and import in the document of `app`."""
    app.describe(paths(), schemas())


def paths() -> dict[str, Any]:
    described: dict[str, Any] = {imports.PATH: {"post": _import_operation()}}
    for aggregate in AGGREGATES:
        path = f"/v1/{aggregate.plural}"
        verb, creating = aggregate.creating
        if verb not in aggregate.for_operators:
            described[path] = {"post": _operation(aggregate, verb, creating, "201")}
        described[f"{path}/{{{aggregate.id_field}}}"] = {"get": _show(aggregate)}
        for verb, command in aggregate.public_commands():
            operation = _operation(aggregate, verb, command, "200")
            described[f"{path}/{{{aggregate.id_field}}}/{verb}"] = {"post": operation}
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
    for aggregate in AGGREGATES:
        found |= _resource_schema(aggregate)
    return found


def _resource_schema(aggregate: Aggregate[Any]) -> dict[str, Any]:
    schema = TypeAdapter(aggregate.state).json_schema(mode="serialization", ref_template=REFERENCE)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    own = {
        aggregate.id_field: {"type": "string", "format": "uuid"},
        "version": {"type": "integer", "minimum": 1, "description": "Of its stream; also the ETag."},
    }
    shown = {name: each for name, each in schema["properties"].items() if name not in aggregate.hidden}
    schema["properties"] = own | shown
    schema["required"] = list(schema["properties"])
    if any(command.makes_secret for _, command in aggregate.public_commands()):
        schema["properties"]["secret"] = SECRET
    return {**definitions, aggregate.state.__name__: schema}


def _operation(aggregate: Aggregate[Any], verb: str, command: type[Command], status: str) -> dict[str, Any]:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", command.__name__)
    parameters = [_header("Idempotency-Key", "The client's name of this request, at most 255 characters.")]
    if status == "200":
        parameters += [
            _id_parameter(aggregate),
            _header("If-Match", "The ETag the caller has seen; another version answers 412."),
        ]
    return {
        "operationId": command.__name__[0].lower() + command.__name__[1:],
        "tags": [aggregate.plural],
        "summary": words.capitalize(),
        "description": _own_docstring(command),
        "parameters": parameters,
        "requestBody": {
            "required": bool(command.model_json_schema().get("required")),
            "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model=command.__name__)}}},
        },
        "responses": {status: _resource_response(aggregate)} | _problems(),
    }


def _show(aggregate: Aggregate[Any]) -> dict[str, Any]:
    name = aggregate.state.__name__
    return {
        "operationId": f"show{name}",
        "tags": [aggregate.plural],
        "summary": f"Show {aggregate.name}",
        "parameters": [_id_parameter(aggregate), _header("If-None-Match", "Answers 304 at that version.")],
        "responses": {
            "200": _resource_response(aggregate),
            "304": {"description": "Not modified"},
            "404": problem_response("404"),
        },
    }


def _import_operation() -> dict[str, Any]:
    def lines(model: str) -> dict[str, Any]:
        schema = {"$ref": REFERENCE.format(model=model)}
        return {imports.MEDIA_TYPE: {"schema": {"type": "string", "x-line-schema": schema}}}

    return {
        "operationId": "importCommands",
        "tags": ["imports"],
        "summary": "Import commands",
        "description": "One command a line, one result a line. Send it again after an interruption.",
        "requestBody": {"required": True, "content": lines("ImportLine")},
        "responses": {
            "200": {"description": "One result a line, then the sum.", "content": lines("LineResult")}
        },
    }


def _resource_response(aggregate: Aggregate[Any]) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model=aggregate.state.__name__)}
    text = {"schema": {"type": "string"}}
    return {
        "description": f"The {aggregate.name}",
        "headers": {"ETag": text, "Milepost-Position": text},
        "content": {"application/json": {"schema": schema}},
    }


def _problems() -> dict[str, Any]:
    return {status: problem_response(status) for status in STATUSES_OF_COMMANDS}


def _id_parameter(aggregate: Aggregate[Any]) -> dict[str, Any]:
    schema = {"type": "string", "format": "uuid"}
    return {"name": aggregate.id_field, "in": "path", "required": True, "schema": schema}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _own_docstring(command: type[Command]) -> str:
    return getdoc(command) or "" if command.__doc__ else ""

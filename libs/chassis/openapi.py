"""The OpenAPI 3.1 document, completed: what is the same for every operation is said once, here.

An operation states what is its own: its forms, its parameters, and under `x-problems` the codes of its refusals.
"""

import re
from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute

from libs.chassis import openapi_examples, openapi_headers, openapi_problems

Operation = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "patch")
# The security of an operation that everybody may call.
PUBLIC: list[dict[str, list[str]]] = []
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT or API key",
    "description": "`Authorization: Bearer <token>`: the access token of a person (a JWT), or an API key (`mpk_…`).",
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N`: wait up to N seconds, at most 5, until `min_position` can be read.",
    "schema": {"type": "string", "maxLength": 200, "examples": ["wait=5"]},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Entity tags the client has; one that is still true is answered with 304.",
    "schema": {"type": "string", "maxLength": 1_000, "examples": ['"3"']},
}
# Only of the framework's own making; they describe a body that is never sent.
FOREIGN_SCHEMAS = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """`reforecast_milestone` becomes `reforecastMilestone`: the name of the method in generated clients."""
    first, *others = re.split(r"[_-]+", route.name)
    return first + "".join(word.capitalize() for word in others)


def refusing(*codes: str) -> Operation:
    """For `openapi_extra`: the codes of problems that only this operation gives."""
    return {openapi_problems.DECLARED: list(codes)}


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """The document with problems, headers, examples and the bearer scheme, and without what no client can use.

    Raises `ValueError` if two operations share an id, or one names an unknown problem.
    """
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in FOREIGN_SCHEMAS:
        schemas.pop(name, None)
    schemas["Problem"] = openapi_problems.schema()
    components.setdefault("securitySchemes", {})["bearer"] = dict(BEARER)
    document.setdefault("security", [{"bearer": []}])
    _require_unique_ids(document)
    for method, operation in _described(document):
        _complete_parameters(method, operation, components)
        openapi_problems.complete(operation, components)
        openapi_headers.complete(operation, components)
        openapi_examples.complete(operation, components)
    _drop_keyword(document, "itemSchema")
    return document


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Every operation of a document, in its order."""
    return (operation for _, operation in _described(document))


def _described(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path in document.get("paths", {}).values():
        for method in METHODS:
            if method in path:
                yield method, path[method]


def _complete_parameters(method: str, operation: Operation, components: dict[str, Any]) -> None:
    """Who can name a position can wait for it, and who reads one resource can ask whether it changed."""
    parameters = operation.setdefault("parameters", [])
    if "min_position" in names_of_parameters(operation):
        parameters.append(dict(PREFER))
    if method == "get" and openapi_headers.is_of_one(operation, components):
        parameters.append(dict(IF_NONE_MATCH))
        operation["responses"].setdefault("304", {"description": "Not modified"})


def names_of_parameters(operation: Operation) -> set[str]:
    """The names of everything an operation takes beside its body."""
    return {parameter["name"] for parameter in operation.get("parameters", ())}


def _require_unique_ids(document: dict[str, Any]) -> None:
    seen: set[str] = set()
    for operation in operations(document):
        if operation["operationId"] in seen:
            raise ValueError(f"two operations are called {operation['operationId']}")
        seen.add(operation["operationId"])


def _drop_keyword(node: Any, keyword: str) -> None:
    """Remove a keyword of OpenAPI 3.2 that the framework writes into its 3.1 document."""
    if isinstance(node, dict):
        node.pop(keyword, None)
        for each in node.values():
            _drop_keyword(each, keyword)
    elif isinstance(node, list):
        for each in node:
            _drop_keyword(each, keyword)

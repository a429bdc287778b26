"""The OpenAPI 3.1 document, mended where the framework says less, or other, than what the service does."""

import re
from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute

from libs.chassis import problem_codes

METHODS = ("get", "put", "post", "delete", "patch")
PROBLEM_REFERENCE = {"$ref": "#/components/schemas/Problem"}
BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
STATUSES_OF_ALL = ("401", "403", "422", "500", "503")
# Only of the framework's own making; they describe a body that is never sent.
FOREIGN_SCHEMAS = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """`reforecast_milestone` becomes `reforecastMilestone`: the name of the method in generated clients."""
    first, *others = re.split(r"[_-]+", route.name)
    return first + "".join(word.capitalize() for word in others)


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """The document with problems for every error, the bearer scheme, and without what no client can use.

    Raises `ValueError` if two operations share an id.
    """
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in FOREIGN_SCHEMAS:
        schemas.pop(name, None)
    schemas["Problem"] = problem_schema()
    components.setdefault("securitySchemes", {})["bearer"] = dict(BEARER)
    document.setdefault("security", [{"bearer": []}])
    seen: set[str] = set()
    for operation in operations(document):
        if operation["operationId"] in seen:
            raise ValueError(f"two operations are called {operation['operationId']}")
        seen.add(operation["operationId"])
        _mend_responses(operation["responses"])
    _drop_keyword(document, "itemSchema")
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of a document, in its order."""
    for path in document.get("paths", {}).values():
        for method in METHODS:
            if method in path:
                yield path[method]


def problem_schema() -> dict[str, Any]:
    """The JSON Schema of `application/problem+json` as services send it."""
    text = {"type": "string"}
    fault = {
        "type": "object",
        "required": ["code", "detail"],
        "properties": {
            "pointer": {**text, "description": "JSON pointer into the body."},
            "parameter": {**text, "description": "Name of the parameter."},
            "code": text,
            "detail": text,
        },
    }
    return {
        "type": "object",
        "title": "Problem",
        "description": "Why a request did not succeed (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "code", "trace_id"],
        "properties": {
            "type": {**text, "format": "uri-reference", "description": "Where the code is explained."},
            "title": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text,
            "instance": {**text, "format": "uri-reference"},
            "code": {**text, "enum": sorted(problem_codes.REGISTRY)},
            "trace_id": {"type": ["string", "null"], "description": "Tell it to whoever helps you."},
            "errors": {"type": "array", "items": fault},
        },
        "additionalProperties": True,
    }


def problem_response(status: str) -> dict[str, Any]:
    """The entry of one error status, with an example that validates."""
    code = problem_codes.CODE_OF_STATUS.get(int(status), "internal_error")
    meaning = problem_codes.known(code, int(status))
    example = {
        "type": f"/problems/{code}",
        "title": meaning.title,
        "status": int(status),
        "detail": meaning.explanation,
        "instance": "/v1/milestones/01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c11",
        "code": code,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    content = {"application/problem+json": {"schema": dict(PROBLEM_REFERENCE), "example": example}}
    return {"description": meaning.title, "content": content}


def _mend_responses(responses: dict[str, Any]) -> None:
    errors = {status for status in responses if status[:1] in ("4", "5")}
    for status in sorted(errors | set(STATUSES_OF_ALL)):
        if "application/problem+json" not in responses.get(status, {}).get("content", {}):
            responses[status] = {**problem_response(status), **_headers_of(responses.get(status, {}))}


def _headers_of(response: dict[str, Any]) -> dict[str, Any]:
    return {"headers": response["headers"]} if "headers" in response else {}


def _drop_keyword(node: Any, keyword: str) -> None:
    """Remove a keyword of OpenAPI 3.2 that the framework writes into its 3.1 document."""
    if isinstance(node, dict):
        node.pop(keyword, None)
        for each in node.values():
            _drop_keyword(each, keyword)
    elif isinstance(node, list):
        for each in node:
            _drop_keyword(each, keyword)

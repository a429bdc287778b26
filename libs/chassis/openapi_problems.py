"""The problems of each operation in the API document: those every request may meet, those of its kind, its own."""

from collections.abc import Iterable, Iterator
from typing import Any

from libs.chassis import problem_codes

MEDIA_TYPE = "application/problem+json"
REFERENCE = {"$ref": "#/components/schemas/Problem"}
# Where an operation lists the codes that only it gives; not part of the finished document.
DECLARED = "x-problems"

OF_EVERY_REQUEST = (
    "malformed_request",
    "request_timeout",
    "invalid_request",
    "unknown_parameter",
    "repeated_parameter",
    "too_many_requests",
    "url_too_long",
    "headers_too_large",
    "internal_error",
    "unavailable",
    "overloaded",
    "deadline_exceeded",
)
OF_WHO_ASKS = ("unauthenticated", "forbidden")
# Registered by whoever knows organizations, and by whoever can look into the past.
OF_MEMBERS = ("not_a_member",)
OF_A_PATH = ("not_found",)
# What a body names may not be there, or not for everybody.
OF_A_BODY = ("content_too_large", "unsupported_media_type", "not_found")
# By the name of the parameter that brings them.
OF_PARAMETERS = {
    "Idempotency-Key": ("in_progress", "idempotency_key_reused", "storage_full"),
    "If-Match": ("stale_version", "precondition_required"),
    "cursor": ("invalid_cursor", "cursor_mismatch"),
    "min_position": ("projection_behind",),
    "as_of": ("as_of_beyond_head",),
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
INSTANCE = "/v1/milestones/01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c12"
# Members beside the usual ones, by code; the schema knows each of them.
EXTRA: dict[str, dict[str, Any]] = {
    "stale_version": {"current_version": 4},
    "projection_behind": {"position": 1041},
    "invalid_request": {
        "errors": [{"pointer": "/forecast_on", "code": "missing", "detail": "Field required"}]
    },
    "invalid_cursor": {
        "errors": [
            {"parameter": "cursor", "code": "invalid_cursor", "detail": "Start again without a cursor."}
        ]
    },
}


def complete(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Put every problem the operation can give under its status. Raises `ValueError` for an unknown code."""
    statuses: dict[str, list[str]] = {}
    for code in dict.fromkeys(_codes(operation)):
        meaning = problem_codes.REGISTRY.get(code)
        if meaning is None:
            raise ValueError(f"{operation['operationId']} names a problem that nobody registered: {code}")
        statuses.setdefault(str(meaning.status), []).append(code)
    responses = operation["responses"]
    for status in sorted({*statuses, *(status for status in responses if status >= "400")}):
        codes = statuses.get(status) or [problem_codes.CODE_OF_STATUS.get(int(status), "internal_error")]
        responses[status] = _response(codes, components, responses.get(status, {}))
    operation["responses"] = dict(sorted(responses.items()))


def schema() -> dict[str, Any]:
    """The JSON Schema of `application/problem+json` as services send it."""
    text = {"type": "string"}
    fault = {
        "type": "object",
        "title": "Fault",
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
            "code": {
                **text,
                "enum": sorted(problem_codes.REGISTRY),
                "description": "What programs decide by. There may be more of them one day.",
            },
            "trace_id": {"type": ["string", "null"], "description": "Tell it to whoever helps you."},
            "errors": {"type": "array", "items": fault, "description": "What is wrong, and where."},
            "current_version": {"type": "integer", "description": "Of the resource; with `stale_version`."},
            "position": {
                "type": "integer",
                "description": "How far answers reach by now; with `projection_behind`.",
            },
        },
        "additionalProperties": True,
    }


def example(code: str) -> dict[str, Any]:
    """A body with that code, as a service would send it."""
    meaning = problem_codes.REGISTRY[code]
    return {
        "type": f"/problems/{code}",
        "title": meaning.title,
        "status": meaning.status,
        "detail": meaning.explanation,
        "instance": INSTANCE,
        "code": code,
        "trace_id": TRACE,
        **EXTRA.get(code, {}),
    }


def _codes(operation: dict[str, Any]) -> Iterator[str]:
    yield from OF_EVERY_REQUEST
    if operation.get("security") != []:
        yield from OF_WHO_ASKS
        yield from _registered(OF_MEMBERS)
    parameters = operation.get("parameters", ())
    if any(parameter["in"] == "path" for parameter in parameters):
        yield from OF_A_PATH
    for parameter in parameters:
        yield from _registered(OF_PARAMETERS.get(parameter["name"], ()))
    if "requestBody" in operation:
        yield from OF_A_BODY
    elif "Idempotency-Key" in (parameter["name"] for parameter in parameters):
        yield "content_too_large"
    yield from operation.pop(DECLARED, ())


def _registered(codes: Iterable[str]) -> Iterator[str]:
    return (code for code in codes if code in problem_codes.REGISTRY)


def _response(codes: list[str], components: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    examples = components.setdefault("examples", {})
    for code in codes:
        meaning = problem_codes.REGISTRY[code]
        examples[code] = {"summary": meaning.title, "value": example(code)}
    shown = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    content = {MEDIA_TYPE: {"schema": dict(REFERENCE), "examples": shown}}
    titles = [problem_codes.REGISTRY[code].title for code in codes]
    headers = {"headers": stated["headers"]} if "headers" in stated else {}
    return {"description": "; ".join(titles), **headers, "content": content}

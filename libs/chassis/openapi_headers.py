"""The headers of answers in the API document: each described once, and named wherever it may be sent."""

from typing import Any

from libs.chassis.pagination import LIMIT_MAX

TEXT = {"type": "string"}
NUMBER = {"type": "string", "pattern": r"^\d{1,19}$"}
TAG = {"type": "string", "pattern": r'^(W/)?"[0-9a-f]{1,24}"$'}

HEADERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "ETag": (
        "The version, to be given back as `If-Match`, weak if more is said; of what has no version, of what it says.",
        TAG,
        '"3"',
    ),
    "Location": (
        "Where the new resource is.",
        {"type": "string", "format": "uri-reference"},
        "/v1/milestones/01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c12",
    ),
    "Milepost-Position": (
        "The position the answer is true at; after a command, `min_position` of the questions that shall know of it.",
        NUMBER,
        "1042",
    ),
    "Idempotency-Replayed": (
        "`true`: the command was done before, and this is what it was answered with then.",
        {"type": "string", "enum": ["true"]},
        "true",
    ),
    "Link": (
        f"The first page (`first`) and, where there is one, the next page (`next`), of at most {LIMIT_MAX} items.",
        TEXT,
        '</v1/timeline/projects?limit=50>; rel="first"',
    ),
    "Retry-After": ("After how many seconds to ask again.", NUMBER, "1"),
    "RateLimit": (
        "What is left of the budget, and the seconds until it is full again.",
        TEXT,
        '"default";r=99;t=1',
    ),
    "RateLimit-Policy": ("The budget of requests, and its window in seconds.", TEXT, '"default";q=100;w=1'),
    "Allow": ("The methods the resource has.", TEXT, "GET"),
    "WWW-Authenticate": ("How to say who asks.", TEXT, "Bearer"),
    "Content-Security-Policy": (
        "What the chart may do when it is opened by itself.",
        TEXT,
        "default-src 'none'",
    ),
    "Last-Modified": ("When it changed.", TEXT, "Mon, 02 Mar 2026 12:00:00 GMT"),
    "Cache-Control": ("Who may keep the answer, and for how long.", TEXT, "no-store"),
    "Deprecation": ("The operation will go one day, since when that is known.", TEXT, "@1788000000"),
    "Sunset": ("The day the operation goes.", TEXT, "Mon, 01 Mar 2027 00:00:00 GMT"),
}
OF_EVERY_ANSWER = ("RateLimit", "RateLimit-Policy")
OF_PROBLEMS = {
    "401": ("WWW-Authenticate",),
    "409": ("Retry-After",),
    "412": ("ETag",),
    "429": ("Retry-After",),
    "503": ("Retry-After", "Milepost-Position"),
    "507": ("Retry-After",),
}


def named(*names: str) -> dict[str, Any]:
    """The `headers` of a response in an operation's own words."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def complete(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Name the headers of every answer of an operation, beside those it names itself."""
    for status, response in operation["responses"].items():
        names = [*OF_EVERY_ANSWER, *OF_PROBLEMS.get(status, ())]
        if status < "400":
            names += _of_success(status, response, operation, components)
        response["headers"] = named(*names) | response.get("headers", {})
        for name in response["headers"]:
            components.setdefault("headers", {}).setdefault(name, _header(name))


def _of_success(
    status: str, response: dict[str, Any], operation: dict[str, Any], components: dict[str, Any]
) -> list[str]:
    parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
    names = ["Milepost-Position"]
    if status in ("201", "202"):
        names.append("Location")
    if "Idempotency-Key" in parameters:
        names.append("Idempotency-Replayed")
    if "cursor" in parameters:
        names.append("Link")
    if status == "304" or _has_version(response, components) or is_of_one(operation, components):
        names.append("ETag")
    return names


def is_of_one(operation: dict[str, Any], components: dict[str, Any]) -> bool:
    """Whether what is read is one thing, or all about one: it has an entity tag, by which to ask again."""
    parameters = operation.get("parameters", ())
    answer = operation["responses"].get("200", {})
    is_page = any(parameter["name"] == "cursor" for parameter in parameters)
    is_addressed = any(parameter["in"] == "path" for parameter in parameters)
    is_json = "application/json" in answer.get("content", {})
    return "requestBody" not in operation and is_json and is_addressed and not is_page


def _has_version(response: dict[str, Any], components: dict[str, Any]) -> bool:
    """Whether what is answered is one resource: it tells its version, which is its entity tag."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    properties = components["schemas"].get(name, schema).get("properties", {})
    return "version" in properties


def _header(name: str) -> dict[str, Any]:
    description, schema, example = HEADERS[name]
    return {"description": description, "schema": dict(schema), "example": example}

"""Every problem a service may answer with beside its domain rejections: code, status, title, explanation.

Codes are stable: clients switch on them. A service registers its own with `register`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """A kind of problem. `explanation` is the sentence of its documentation page."""

    code: str
    status: int
    title: str
    explanation: str


REGISTRY: dict[str, ProblemCode] = {}


def register(code: str, status: int, title: str, explanation: str = "") -> ProblemCode:
    """Make a code known to `/problems/{code}` and the API document; the same code twice keeps the last."""
    problem_code = ProblemCode(code, status, title, explanation or f"{title}.")
    REGISTRY[code] = problem_code
    return problem_code


def known(code: str, status: int) -> ProblemCode:
    """The registered code; an unregistered one is a code whose words are its title."""
    found = REGISTRY.get(code)
    return found or ProblemCode(code, status, code.replace("_", " ").capitalize(), "")


# --- What is wrong with the request ---
register(
    "malformed_request",
    400,
    "Malformed request",
    "The body or the URL cannot be read at all, e.g. broken JSON.",
)
register(
    "unauthenticated",
    401,
    "Unauthenticated",
    "A valid access token is needed: `Authorization: Bearer <token>`.",
)
register("forbidden", 403, "Forbidden", "You may see this, but your role does not allow what you asked for.")
register("not_found", 404, "Not found", "There is nothing here, or nothing that you may see.")
register(
    "method_not_allowed", 405, "Method not allowed", "The resource exists; `Allow` names the methods it has."
)
register("not_acceptable", 406, "Not acceptable", "None of the representations you accept is available.")
register("request_timeout", 408, "Request timeout", "The request's body did not arrive in time.")
register(
    "in_progress",
    409,
    "In progress",
    "A request with the same Idempotency-Key is still running; ask again soon.",
)
register("conflict", 409, "Conflict", "The request contradicts the present state of the resource.")
register("gone", 410, "Gone", "This was here once and is not any more.")
register(
    "stale_version",
    412,
    "Stale version",
    "The resource changed since you read it. `current_version` is what it has now: read it again.",
)
register(
    "content_too_large", 413, "Content too large", "The body is larger than what this operation accepts."
)
register(
    "unsupported_media_type",
    415,
    "Unsupported media type",
    "Bodies are JSON (`Content-Type: application/json`), imports are lines of JSON (`application/x-ndjson`).",
)
register("invalid_request", 422, "Invalid request", "`errors` lists what is wrong and where.")
register("repeated_parameter", 422, "Repeated parameter", "A parameter that takes one value has several.")
register("unknown_parameter", 422, "Unknown parameter", "The operation has no query parameter of that name.")
register(
    "cursor_mismatch", 422, "Cursor mismatch", "The cursor belongs to another filter, sort or organization."
)
register("invalid_cursor", 422, "Invalid cursor", "The cursor is damaged; start again without one.")
register("position_unknown", 422, "Position unknown", "The position lies beyond everything recorded so far.")
register(
    "idempotency_key_reused", 422, "Idempotency key reused", "The key was used before with another request."
)
register("precondition_required", 428, "Precondition required", "Your organization demands `If-Match` here.")
register("too_many_requests", 429, "Too many requests", "Slow down; `Retry-After` says for how many seconds.")
register("url_too_long", 414, "URL too long", "The URL is longer than what the service accepts.")
register(
    "headers_too_large", 431, "Headers too large", "The headers are larger than what the service accepts."
)

# --- What is wrong with the service ---
register(
    "internal_error", 500, "Internal error", "It is our fault. Tell us the `trace_id`, it leads to the cause."
)
register("not_implemented", 501, "Not implemented", "The service does not do this yet.")
register(
    "unavailable", 503, "Unavailable", "The service cannot answer now; ask again after `Retry-After` seconds."
)
register("overloaded", 503, "Overloaded", "More work than capacity; ask again after `Retry-After` seconds.")
register(
    "deadline_exceeded", 503, "Deadline exceeded", "The answer took too long. Whether it happened is unknown."
)
register(
    "projection_behind",
    503,
    "Projection behind",
    "The service has not come as far as you ask for; ask again after `Retry-After` seconds.",
)
register(
    "storage_full",
    507,
    "Storage full",
    "The database has no room left. Nothing was recorded, reading still works; ask again when room was made.",
)

CODE_OF_STATUS: dict[int, str] = {
    400: "malformed_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    410: "gone",
    412: "stale_version",
    413: "content_too_large",
    414: "url_too_long",
    415: "unsupported_media_type",
    422: "invalid_request",
    428: "precondition_required",
    429: "too_many_requests",
    431: "headers_too_large",
    501: "not_implemented",
    503: "unavailable",
    507: "storage_full",
}

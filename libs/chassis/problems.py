"""Every answer that is not a success is one `application/problem+json` (RFC 9457), here and nowhere else.

It never carries raw input, driver messages or internals; its `trace_id` leads to the log line that does.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from libs.chassis import noting, tracing
from libs.chassis.database_problems import DATABASE_ERRORS, database_problem
from libs.chassis.problem_codes import CODE_OF_STATUS, known
from libs.chassis.problem_pages import problem_index, problem_page

MEDIA_TYPE = "application/problem+json"
NO_HEADERS: Mapping[str, str] = {}
# Room on a disk is made by people, who have an alarm by then.
RETRY_AFTER: Mapping[int, Mapping[str, str]] = {503: {"Retry-After": "1"}, 507: {"Retry-After": "30"}}
FAULTS_MAX = 100
# What stands in a path as it is; the rest is percent-encoded, so that `instance` is a URI reference.
PATH_CHARACTERS = "/:@!$&'()*+,;=-._~"
NAME_CHARACTERS_MAX = 64
PARAMETER_PLACES = frozenset({"query", "path", "header", "cookie"})

log = structlog.get_logger(__name__)


class Problem(Exception):
    """A refusal the client is meant to read. `extra` become members of the body beside the usual."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        title: str | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail
        self.title = title
        self.extra = extra or {}
        self.headers = headers or NO_HEADERS

    def body(self, instance: str) -> bytes:
        """The JSON of the problem, as it befell the request of that path."""
        meaning = known(self.code, self.status)
        return to_json(
            {
                "type": f"/problems/{self.code}",
                "title": self.title or meaning.title,
                "status": self.status,
                "detail": self.detail or meaning.explanation or meaning.title,
                "instance": quote(instance, safe=PATH_CHARACTERS),
                "code": self.code,
                "trace_id": tracing.trace_id(),
                **self.extra,
            }
        )


def response(problem: Problem, instance: str) -> Response:
    """The ready answer, for paths that need no exception to get there."""
    noting.problem(problem.code)
    return Response(problem.body(instance), problem.status, dict(problem.headers), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem, and document every code at `/problems/{code}`.

    Exceptions nobody expected pass through to the request middleware, which calls `answer` as well.
    """
    for kind in (Problem, HTTPException, RequestValidationError, ValidationError, *DATABASE_ERRORS):
        app.add_exception_handler(kind, _on_error)
    app.add_route("/problems", problem_index, methods=["GET"], include_in_schema=False)
    app.add_route("/problems/{code}", problem_page, methods=["GET"], include_in_schema=False)


def problem_of(error: Exception) -> Problem:
    """The problem an exception means to a client; what nobody expected is a 500 that says nothing."""
    match error:
        case Problem():
            return error
        case HTTPException():
            code = CODE_OF_STATUS.get(error.status_code, "internal_error")
            return Problem(error.status_code, code, headers=error.headers)
        case RequestValidationError():
            faults = error.errors()
            # What is no id names nothing, as an id that nobody has.
            if any(fault["loc"][0] == "path" for fault in faults):
                return Problem(404, "not_found")
            return invalid_request(faults)
        case ValidationError():
            return invalid_request(
                error.errors(include_url=False, include_context=False, include_input=False)
            )
    meaning = database_problem(error)
    if meaning is None:
        return Problem(500, "internal_error")
    status, code = meaning
    return Problem(status, code, headers=RETRY_AFTER.get(status))


def answer(error: Exception, instance: str) -> Response:
    """The answer to an exception; unexpected ones are logged under the trace id the client is told."""
    problem = problem_of(error)
    if problem.status == 500:
        log.error("request_failed", path=instance, exc_info=error)
    elif problem is not error and problem.status > 500:
        log.warning("request_refused", path=instance, code=problem.code, error=type(error).__name__)
    return response(problem, instance)


def invalid_request(errors: Sequence[Any]) -> Problem:
    """A 400 for what is no JSON, otherwise a 422 naming each fault and its place, never the value.

    `errors` are Pydantic's: mappings with `type`, `loc` and `msg`.
    """
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(400, "malformed_request", "The body is not valid JSON.")
    listed = [_fault(error) for error in errors[:FAULTS_MAX]]
    return Problem(
        422, "invalid_request", "The request is not valid; see `errors`.", extra={"errors": listed}
    )


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    location = [str(part)[:NAME_CHARACTERS_MAX] for part in error["loc"]]
    fault = {"code": str(error["type"]), "detail": _sentence(error)}
    if location and location[0] in PARAMETER_PLACES:
        return {"parameter": "/".join(location[1:]), **fault}
    inner = location[1:] if location and location[0] == "body" else location
    return {"pointer": "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in inner), **fault}


def _sentence(error: Mapping[str, Any]) -> str:
    # Pydantic's own texts state what is expected; those of a ValueError may quote what was sent.
    if error["type"] in ("value_error", "assertion_error"):
        return "The value is not valid."
    return str(error["msg"])


async def _on_error(request: Request, error: Exception) -> Response:
    return answer(error, request.url.path)

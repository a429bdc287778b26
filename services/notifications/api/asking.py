"""From a request to a caller, a page, a fresh enough position or a command; and from an answer to bytes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from libs.access.authentication import current_caller
from libs.chassis import openapi, problem_codes
from libs.chassis.bodies import read_body
from libs.chassis.conditional import content_tag, etag, if_match, is_unmodified
from libs.chassis.faults import wrong_parameter
from libs.chassis.freshness import POSITION_HEADER, Progress, fresh_enough
from libs.chassis.identity import Caller
from libs.chassis.moments import POSITION_MAX
from libs.chassis.pagination import PageRequest, page_body, page_request
from libs.chassis.problems import Problem
from services.notifications.once import Answer, Key, KeyInUse, KeyMisused, Once, Readmit, Work, request_hash

KEY_CHARACTERS_MAX = 255
JSON = "application/json"
Model = TypeVar("Model", bound=BaseModel)
Row = TypeVar("Row")

problem_codes.register(
    "nothing_named", 422, "Nothing named", "A subscription names a project, an entity or kinds of event."
)
problem_codes.register(
    "too_many_subscriptions",
    409,
    "Too many subscriptions",
    "You have as many subscriptions as anybody may have.",
)
problem_codes.register(
    "too_many_endpoints", 409, "Too many endpoints", "Your organization has as many webhooks as it may have."
)
problem_codes.register(
    "already_exists", 409, "Already exists", "The id you chose is taken; choose another, or none."
)
problem_codes.register(
    "endpoint_not_active",
    409,
    "Endpoint not active",
    "The webhook is unverified, paused or disabled; verify or resume it first.",
)
URL_PROBLEMS = {
    "url_malformed": "URL malformed",
    "url_has_credentials": "URL has credentials",
    "url_not_https": "URL is not https",
    "port_not_allowed": "Port not allowed",
    "address_not_public": "Address not public",
}
for code, title in URL_PROBLEMS.items():
    problem_codes.register(code, 422, title, "Webhooks go to public addresses over https, and nowhere else.")


Asker = Annotated[Caller, Depends(current_caller)]


def paging(
    request: Request,
    asker: Asker,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2_000)] = None,
) -> PageRequest:
    """FastAPI dependency: which page is asked for."""
    return page_request(request, asker.org_id)


Paging = Annotated[PageRequest, Depends(paging)]


async def freshness(
    request: Request,
    min_position: Annotated[
        int | None,
        Query(ge=0, description="Wait, as long as `Prefer: wait=N` says, until this is known."),
    ] = None,
) -> int:
    """FastAPI dependency: the position up to which everything has been told."""
    progress: Progress = request.app.state.progress
    return await fresh_enough(request, progress)


Told = Annotated[int, Depends(freshness)]


IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request is answered the same, and happens once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "Only if the resource still has this entity tag; otherwise 412.",
    "schema": {"type": "string"},
    "example": '"1"',
}


def takes(
    model: type[BaseModel] | None = None,
    *,
    required: bool = True,
    versioned: bool = True,
    refusing: Iterable[str] = (),
) -> dict[str, Any]:
    """The part of the API document that says what a command takes: a body, a key, and a version if it has one.

    `refusing` are the codes of the problems that only this command gives.
    """
    parameters = [dict(IDEMPOTENCY_KEY), dict(IF_MATCH)] if versioned else [dict(IDEMPOTENCY_KEY)]
    said = {"parameters": parameters, **openapi.refusing(*refusing)}
    if model is None:
        return said
    content = {JSON: {"schema": model.model_json_schema()}}
    return {**said, "requestBody": {"required": required, "content": content}}


async def body_of(request: Request, model: type[Model]) -> Model:
    """The body as a model; where it is empty, a model of defaults."""
    if not await request.body():
        return model.model_validate_json(b"{}")
    return await read_body(request, model)


def answered(
    form: BaseModel, *, status: int = 200, version: int | None = None, location: str | None = None
) -> Answer:
    """The answer of a command: the resource with its version."""
    headers: dict[str, str] = {}
    if version is not None:
        headers["ETag"] = etag(version)
    if location is not None:
        headers["Location"] = location
    return Answer(status, form.model_dump_json().encode(), headers)


async def once(request: Request, asker: Caller, work: Work, readmit: Readmit | None = None) -> Response:
    """Run a command under its `Idempotency-Key`, if it has one, and answer it.

    What was answered before is answered again to whom `readmit` admits: roles may have been taken since. A command
    on nothing but the asker's own things needs none.
    """
    runner: Once = request.app.state.once
    try:
        answer = await runner.run(asker.org_id, await _key(request, asker), work, readmit)
    except KeyInUse as error:
        raise Problem(409, "in_progress", headers={"Retry-After": "1"}) from error
    except KeyMisused as error:
        raise Problem(422, "idempotency_key_reused") from error
    headers = {**answer.headers, POSITION_HEADER: str(_progress(request).position)}
    if answer.was_replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, JSON if answer.body else None)


async def _key(request: Request, asker: Caller) -> Key | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= KEY_CHARACTERS_MAX and key.isprintable()):
        raise wrong_parameter("Idempotency-Key", "1 to 255 printable characters are allowed.")
    body = await request.body()
    return Key(asker.org_id, asker.actor, key, request_hash(request.method, request.url.path, body))


def require_version(request: Request, asker: Caller, version: int) -> None:
    """Raise `Problem` 412 if the command was decided on another version (`If-Match`); 428 if it must say on which."""
    condition = if_match(request.headers.get("if-match"), is_required=asker.requires_if_match)
    if condition is not None:
        condition.require(version)


def shown(request: Request, form: BaseModel, version: int | None = None) -> Response:
    """A single resource with its entity tag, or 304; what has no version is tagged by what it says."""
    body = form.model_dump_json()
    tag = content_tag(body) if version is None else etag(version)
    headers = {"ETag": tag, POSITION_HEADER: str(_progress(request).position)}
    if is_unmodified(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, JSON)


def place(paging: PageRequest, *readers: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """The place behind which the page begins, each part read by its reader; raises `Problem` 422 if it is none.

    A cursor is not signed: anybody can write one, so what it says is read like every other parameter.
    """
    if paging.after is None:
        return None
    try:
        return tuple(read(str(part)) for read, part in zip(readers, paging.after, strict=True))
    except (ValueError, OverflowError) as error:
        raise wrong_parameter("cursor", "Start again without a cursor.", code="invalid_cursor") from error


def position_in(text: str) -> int:
    """A position in a cursor; raises `ValueError`."""
    position = int(text)
    if not 0 <= position <= POSITION_MAX:
        raise ValueError("no position")
    return position


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """The rows of one page and the key of the last one, if there are more."""

    rows: Sequence[Row]
    after: tuple[str | int, ...] | None


def listed(rows: Sequence[Row], limit: int, key: Any) -> Listed[Row]:
    """A page out of up to `limit` + 1 rows; `key(row)` is the row's place."""
    if len(rows) <= limit:
        return Listed(rows, None)
    return Listed(rows[:limit], key(rows[limit - 1]))


def page_answer(
    paging: PageRequest,
    forms: Sequence[BaseModel],
    after: tuple[str | int, ...] | None,
    headers: Mapping[str, str],
) -> Response:
    """`{"items":[…],"next_cursor":…}` with its `Link` header."""
    next_cursor = None if after is None else paging.next_cursor(after)
    body = page_body([form.model_dump_json().encode() for form in forms], next_cursor)
    return Response(body, 200, {**paging.headers(next_cursor), **headers}, JSON)


def position_header(position: int) -> dict[str, str]:
    return {POSITION_HEADER: str(position)}


def _progress(request: Request) -> Progress:
    progress: Progress = request.app.state.progress
    return progress

"""Commands and single resources over HTTP: one route serves every command of every aggregate.

Raw bytes are validated into the command, decided, appended, and answered with ready-made bytes.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from uuid_utils.compat import uuid7

from libs.access.authorize import Action, authorize, may_create_projects, not_found
from libs.chassis import conditional, identity, tracing
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem, problem_of
from libs.events.log.recording import IdempotencyKey
from services.projects.aggregate import Aggregate, Command
from services.projects.aggregates import AGGREGATES
from services.projects.api import problems
from services.projects.command_handling import CommandHandler, Handled
from services.projects.deciding import CommandRequest
from services.projects.loading import Aggregates
from services.projects.rendering import resource_body

KEY_CHARACTERS_MAX = 255


def routes() -> list[BaseRoute]:
    """`POST /v1/<plural>`, `POST /v1/<plural>/{id}/{verb}` and `GET /v1/<plural>/{id}` of each aggregate."""
    return [
        route
        for aggregate in AGGREGATES
        for route in (
            Route(f"/v1/{aggregate.plural}", partial(create, aggregate), methods=["POST"]),
            Route(f"/v1/{aggregate.plural}/{{entity_id:uuid}}", partial(show, aggregate), methods=["GET"]),
            Route(
                f"/v1/{aggregate.plural}/{{entity_id:uuid}}/{{verb}}",
                partial(change, aggregate),
                methods=["POST"],
            ),
        )
    ]


async def create(aggregate: Aggregate[Any], request: Request) -> Response:
    """Begin a new resource, under the id the client chose or a new one."""
    body = await request.body()
    command = _command(aggregate.creating[1], body)
    entity_id = getattr(command, aggregate.id_field) or uuid7()
    command = command.model_copy(update={aggregate.id_field: entity_id})
    return await _handle(request, aggregate, entity_id, command, body, is_creating=True)


async def change(aggregate: Aggregate[Any], request: Request) -> Response:
    """Apply a command to an existing resource."""
    kind = aggregate.commands.get(request.path_params["verb"])
    if kind is None:
        raise not_found()
    body = await request.body()
    return await _handle(request, aggregate, request.path_params["entity_id"], _command(kind, body), body)


async def show(aggregate: Aggregate[Any], request: Request) -> Response:
    """The resource as it is in the log at this moment."""
    caller = identity.caller(request)
    entity_id = request.path_params["entity_id"]
    aggregates: Aggregates = request.app.state.aggregates
    loaded = await aggregates.current(aggregate, caller.org_id, entity_id)
    if loaded is None:
        raise not_found()
    authorize(caller, Action.READ, loaded.state.project_id)
    headers = {"ETag": conditional.etag(loaded.version), "Milepost-Position": str(loaded.position)}
    if conditional.is_unmodified(request.headers.get("if-none-match"), loaded.version):
        return Response(status_code=304, headers=headers)
    body = resource_body(aggregate, entity_id, loaded.version, loaded.state)
    return Response(body, 200, headers, "application/json")


async def _handle(
    request: Request,
    aggregate: Aggregate[Any],
    entity_id: UUID,
    command: Command,
    body: bytes,
    *,
    is_creating: bool = False,
) -> Response:
    caller = identity.caller(request)
    handler: CommandHandler = request.app.state.commands
    if_match = conditional.if_match(request.headers.get("if-match"))
    wish = CommandRequest(
        aggregate=aggregate,
        entity_id=entity_id,
        command=command,
        org_id=caller.org_id,
        actor=caller.actor,
        authorize=permission(caller, aggregate, command, is_creating=is_creating),
        is_creating=is_creating,
        if_match=None if if_match is None else if_match.allows,
        key=_key(request, body),
        traceparent=tracing.current(),
    )
    try:
        handled = await handler.handle(wish)
    except problems.REFUSALS as refusal:
        raise problems.problem_of(refusal) from refusal
    return _answer(handled)


def permission(
    caller: Caller, aggregate: Aggregate[Any], command: Command, *, is_creating: bool
) -> Callable[[UUID], None]:
    """What raises, called with a project's id, unless the caller may give this command there."""
    action = command.action or aggregate.action
    is_proposing = is_creating and aggregate.name == "project"

    def permit(project_id: UUID) -> None:
        if not (is_proposing and may_create_projects(caller)):
            authorize(caller, action, project_id)

    return permit


def _command(kind: type[Command], body: bytes) -> Command:
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise problem_of(error) from error


def _key(request: Request, body: bytes) -> IdempotencyKey | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_CHARACTERS_MAX:
        raise Problem(
            422,
            "invalid_request",
            extra={
                "errors": [
                    {
                        "parameter": "Idempotency-Key",
                        "code": "length",
                        "detail": "1 to 255 characters are allowed.",
                    }
                ]
            },
        )
    return IdempotencyKey(key, request_hash(f"{request.method} {request.url.path}", body))


def request_hash(operation: str, body: bytes) -> bytes:
    """What makes two requests the same: the operation and every byte of the body."""
    return hashlib.sha256(operation.encode() + b"\n" + body).digest()


def _answer(handled: Handled) -> Response:
    answer = handled.answer
    headers = {"Milepost-Position": str(handled.position)}
    if answer.version is not None:
        headers["ETag"] = conditional.etag(answer.version)
    if answer.location is not None:
        headers["Location"] = answer.location
    if handled.was_replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, "application/json")

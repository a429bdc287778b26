"""Commands and single resources over HTTP: one route serves every command of every aggregate.

Raw bytes are validated into the command, decided, appended, and answered with ready-made bytes.
"""

import hashlib
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from libs.access import api_keys
from libs.access.api_keys import KeyText
from libs.access.authentication import caller_in
from libs.access.authorize import authorize, not_found, visible_projects
from libs.chassis import conditional, noting, tracing
from libs.chassis.bodies import require_strict
from libs.chassis.direct import DirectAnswer, DirectRequest, DirectRoute, method_not_allowed
from libs.chassis.faults import wrong_parameter
from libs.chassis.identity import Caller
from libs.chassis.ids import canonical_uuid, new_id
from libs.chassis.problems import problem_of
from libs.events.log.recording import IdempotencyKey
from services.projects.access.member import ErasePerson
from services.projects.aggregate import Aggregate, Command
from services.projects.aggregates import AGGREGATES
from services.projects.api import problems, profiles
from services.projects.command_handling import CommandHandler, Handled
from services.projects.deciding import CommandRequest
from services.projects.key_uses import KeyUseTable
from services.projects.loading import Aggregates
from services.projects.rendering import resource_body, with_last_use

KEY_CHARACTERS_MAX = 255


class CommandRoutes:
    """`POST /v1/<plural>`, `POST /v1/<plural>/{id}/{verb}` and `GET /v1/<plural>/{id}` of each aggregate."""

    def __init__(self) -> None:
        self._creating: dict[str, DirectRoute] = {}
        self._showing: dict[str, DirectRoute] = {}
        self._changing: dict[tuple[str, str], DirectRoute] = {}
        for aggregate in AGGREGATES:
            plural, path = aggregate.plural, f"/v1/{aggregate.plural}"
            one = f"{path}/{{{aggregate.id_field}}}"
            if aggregate.creating[0] not in aggregate.for_operators:
                self._creating[plural] = DirectRoute(path, partial(create, aggregate))
            self._showing[plural] = DirectRoute(one, partial(show, aggregate))
            for verb, kind in aggregate.public_commands():
                self._changing[plural, verb] = DirectRoute(f"{one}/{verb}", partial(change, aggregate, kind))

    def find(self, method: str, path: str) -> DirectRoute | None:
        """The operation for a path; raises `Problem` 405 where the path allows another method."""
        match path.split("/"):
            case ["", "v1", plural, _, verb]:
                found, allowed = self._changing.get((plural, verb)), "POST"
            case ["", "v1", plural, _]:
                found, allowed = self._showing.get(plural), "GET"
            case ["", "v1", plural]:
                found, allowed = self._creating.get(plural), "POST"
            case _:
                return None
        if found is not None and method != allowed:
            raise method_not_allowed(allowed)
        return found


async def create(aggregate: Aggregate[Any], request: DirectRequest) -> DirectAnswer:
    """Begin a new resource, under the id the client chose or a new one."""
    caller = await _caller(request)
    body = await request.body()
    command = _command(aggregate.creating[1], body)
    entity_id = getattr(command, aggregate.id_field) or new_id()
    command = command.model_copy(update={aggregate.id_field: entity_id})
    return await _handle(request, caller, aggregate, entity_id, command, body, is_creating=True)


async def change(aggregate: Aggregate[Any], kind: type[Command], request: DirectRequest) -> DirectAnswer:
    """Apply a command to an existing resource."""
    caller = await _caller(request)
    body = await request.body()
    command, entity_id = _command(kind, body), _entity_id(request)
    answer = await _handle(request, caller, aggregate, entity_id, command, body)
    if kind is ErasePerson:
        await profiles.erase(request.state, caller.org_id, entity_id)
    return answer


async def show(aggregate: Aggregate[Any], request: DirectRequest) -> DirectAnswer:
    """The resource as it is in the log at this moment."""
    caller = await _caller(request)
    entity_id = _entity_id(request)
    if aggregate.is_of_organization:
        authorize(caller, aggregate.read_action, None)
    aggregates: Aggregates = request.state.aggregates
    loaded = await aggregates.current(aggregate, caller.org_id, entity_id)
    if loaded is None:
        raise not_found()
    authorize(caller, aggregate.read_action, loaded.state.project_id)
    tag = conditional.etag(loaded.version)
    told = conditional.weak(tag) if aggregate.is_used else tag
    headers = ((b"etag", told.encode()), (b"milepost-position", b"%d" % loaded.position))
    if conditional.is_unmodified(request.header(b"if-none-match"), tag):
        return DirectAnswer(304, b"", headers)
    body = resource_body(aggregate, entity_id, loaded.version, loaded.state)
    if aggregate.is_used:
        uses: KeyUseTable = request.state.key_use_table
        body = with_last_use(body, await uses.last_used_at(caller.org_id, entity_id))
    return DirectAnswer(200, body, headers)


async def _caller(request: DirectRequest) -> Caller:
    return await caller_in(
        request.state, request.header(b"authorization"), request.header(b"milepost-organization")
    )


async def _handle(
    request: DirectRequest,
    caller: Caller,
    aggregate: Aggregate[Any],
    entity_id: UUID,
    command: Command,
    body: bytes,
    *,
    is_creating: bool = False,
) -> DirectAnswer:
    noting.target(entity_id)
    handler: CommandHandler = request.state.commands
    is_required = caller.requires_if_match and not is_creating
    if_match = conditional.if_match(request.header(b"if-match"), is_required=is_required)
    secret = api_keys.new_secret() if command.makes_secret else None
    wish = CommandRequest(
        aggregate=aggregate,
        entity_id=entity_id,
        command=command,
        org_id=caller.org_id,
        actor=caller.actor,
        authorize=partial(authorize, caller),
        visible=visible_projects(caller),
        is_creating=is_creating,
        if_match=None if if_match is None else if_match.allows,
        key=_key(request, body),
        traceparent=tracing.current(),
        secret_hash=api_keys.hash_of(secret) if secret else "",
    )
    try:
        handled = await handler.handle(wish)
    except problems.REFUSALS as refusal:
        raise problems.problem_of(refusal) from refusal
    answer = _answer(handled)
    if secret is None or handled.was_replayed:
        return answer
    return replace(answer, body=_with_secret(answer.body, KeyText(caller.org_id, entity_id, secret)))


def _with_secret(body: bytes, key: KeyText) -> bytes:
    """The resource with the key as its holder will present it: told once, kept nowhere."""
    return body[:-1] + f',"secret":"{key}"}}'.encode()


def request_hash(operation: str, body: bytes) -> bytes:
    """What makes two requests the same: the operation and every byte of the body."""
    return hashlib.sha256(operation.encode() + b"\n" + body).digest()


def _command(kind: type[Command], body: bytes) -> Command:
    if body:
        require_strict(body)
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise problem_of(error) from error


def _entity_id(request: DirectRequest) -> UUID:
    """The id in the path; what is no id names nothing."""
    entity_id = canonical_uuid(request.path.split("/")[3])
    if entity_id is None:
        raise not_found()
    return entity_id


def _key(request: DirectRequest, body: bytes) -> IdempotencyKey | None:
    key = request.header(b"idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_CHARACTERS_MAX:
        raise wrong_parameter("Idempotency-Key", "1 to 255 characters are allowed.")
    return IdempotencyKey(key, request_hash(f"{request.method} {request.path}", body))


def _answer(handled: Handled) -> DirectAnswer:
    answer = handled.answer
    headers = [(b"milepost-position", b"%d" % handled.position)]
    if answer.version is not None:
        headers.append((b"etag", conditional.etag(answer.version).encode()))
    if answer.location is not None:
        headers.append((b"location", answer.location.encode()))
    if handled.was_replayed:
        headers.append((b"idempotency-replayed", b"true"))
    return DirectAnswer(answer.status, answer.body, headers)

"""History told afterwards: a stream of ordinary commands, a line each, with keys that are remembered for ever.

Lines are decided one behind the other and recorded in chunks; a line that is refused does not stop the next.
Sent again, what was recorded is replayed and the rest goes on, so an interrupted import is simply sent again.
It may last for days: what counts is what the importer may do as a chunk is recorded, not as its lines were read.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid5

from pydantic import ValidationError
from pydantic_core import to_json

from libs.access.authorize import authorize, not_found, visible_projects
from libs.chassis.bodies import require_strict
from libs.chassis.clock import utc_now
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem
from libs.events.envelope import StreamKey, entity_id_of
from libs.events.log.grouping import GroupedAppends, NoRoom, OutcomeUnknown, Overloaded
from libs.events.log.log import Log
from libs.events.log.recording import Appended, Conflict, IdempotencyKey, KeyReused, Outcome, Replayed
from services.projects.aggregate import Rejection
from services.projects.aggregates import BY_NAME
from services.projects.command_handling import CommandHandler
from services.projects.deciding import CommandRequest, Decided, authorize_command
from services.projects.import_lines import ImportLine, LineOutcome, LineResult
from services.projects.loading import Loaded
from services.projects.refusals import Contended, KeyMisused, NewerHistory, NotFound

CHUNK_LINES_MAX = 250
LINE_BYTES_MAX = 256 * 1024
EVENT_IDS = UUID("5f1d9c1e-6a0e-5d5b-9d6d-0d3f3c6a7b11")


class UnknownCommandError(ValueError):
    """A line names a command that the aggregate of its stream does not have."""


@dataclass(frozen=True, slots=True)
class Importer:
    """Who imports. `ask` tells what they may do now, or raises the `Problem` that ends the import."""

    org_id: UUID
    actor: UUID
    ask: Callable[[], Awaitable[Caller]]
    traceparent: str | None = None


@dataclass(slots=True)
class _Line:
    number: int
    key: str | None = None
    request: CommandRequest | None = None
    decided: Decided | None = None
    result: LineResult | None = None

    def conclude(
        self,
        outcome: LineOutcome,
        position: int | None = None,
        code: str | None = None,
        detail: str | None = None,
    ) -> None:
        self.result = LineResult(
            line=self.number, key=self.key, outcome=outcome, position=position, code=code, detail=detail
        )


class ImportHandler:
    """Imports lines through the same door as every other command."""

    def __init__(self, log: Log, appends: GroupedAppends, commands: CommandHandler) -> None:
        self._log = log
        self._appends = appends
        self._commands = commands

    async def run(self, importer: Importer, lines: AsyncIterator[bytes]) -> AsyncIterator[list[LineResult]]:
        """The results of the lines, chunk by chunk, in their order; blank lines count and have none."""
        number = 0
        chunk: list[_Line] = []
        async for text in lines:
            number += 1
            if not text.strip():
                continue
            line = _read(importer, number, text)
            if len(chunk) == CHUNK_LINES_MAX or any(line.key and line.key == other.key for other in chunk):
                yield await self._record(importer, chunk)
                chunk = []
            chunk.append(line)
        if chunk:
            yield await self._record(importer, chunk)

    async def _record(self, importer: Importer, chunk: Sequence[_Line]) -> list[LineResult]:
        try:
            _entitle(chunk, await importer.ask())
            await self._conclude_known(importer, chunk)
            await self._decide(chunk)
            await self._append([line for line in chunk if line.result is None])
        except (Overloaded, NoRoom, OutcomeUnknown):
            for line in chunk:
                if line.result is None:
                    line.conclude(LineOutcome.UNKNOWN, None, "outcome_unknown", "Send the import again.")
        except NewerHistory as newer:
            # That of the importer's own rights, which another process can read.
            for line in chunk:
                if line.result is None:
                    _refuse(line, newer)
        return [line.result for line in chunk if line.result is not None]

    async def _conclude_known(self, importer: Importer, chunk: Sequence[_Line]) -> None:
        """Lines whose keys were used before have their answer already, whatever is true today but who may say them."""
        keys = [line.request.key for line in chunk if line.request and line.request.key]
        known = await self._log.recall(importer.org_id, importer.actor, keys) if keys else {}
        told = [line for line in chunk if line.key in known and line.result is None]
        projects = await self._projects_of(importer, told)
        for line in told:
            if line.request is None or line.key is None:
                continue
            try:
                authorize_command(line.request, None, projects.get(line.request.stream))
            except Problem as refusal:
                _refuse(line, refusal)
            else:
                _conclude(line, known[line.key])

    async def _projects_of(self, importer: Importer, lines: Sequence[_Line]) -> Mapping[str, UUID]:
        """The projects in which the streams of these lines are now; those of the organization itself are in none."""
        requests = [line.request for line in lines if line.request is not None]
        streams = {request.stream for request in requests if not request.aggregate.is_of_organization}
        return await self._log.projects_of(importer.org_id, sorted(streams)) if streams else {}

    async def _decide(self, chunk: Sequence[_Line]) -> None:
        """Decide each line on what the lines before it will have made of its stream."""
        pending: dict[StreamKey, Loaded] = {}
        for line in chunk:
            if line.result is not None or line.request is None:
                continue
            try:
                line.decided = await self._commands.decide(line.request, pending)
            except Exception as refusal:
                _refuse(line, refusal)
            else:
                # Its position is not known yet, and nobody asks before it is.
                pending[line.request.stream_key] = line.decided.after(0, utc_now())

    async def _append(self, lines: Sequence[_Line]) -> None:
        decided = [line.decided for line in lines if line.decided is not None]
        if not decided:
            return
        outcomes = await self._appends.append_chunk([each.recording for each in decided])
        for line, outcome in zip(lines, outcomes, strict=True):
            await self._settle(line, outcome)

    async def _settle(self, line: _Line, outcome: Outcome) -> None:
        """Somebody else may have changed the stream meanwhile: then the line decides again, by itself."""
        if line.request is None or line.decided is None:
            return
        try:
            if isinstance(outcome, Conflict):
                self._commands.forget(line.request)
                handled = await self._commands.handle(line.request)
                line.conclude(
                    LineOutcome.REPLAYED if handled.was_replayed else LineOutcome.RECORDED, handled.position
                )
                return
            self._commands.settle(line.request, line.decided, outcome)
        except (Overloaded, NoRoom, OutcomeUnknown):
            raise
        except Exception as refusal:
            _refuse(line, refusal)
            return
        _conclude(line, outcome)


def _entitle(chunk: Sequence[_Line], caller: Caller) -> None:
    """Give the commands the rights of the caller as they are now."""
    may, visible = partial(authorize, caller), visible_projects(caller)
    for line in chunk:
        if line.request is not None:
            line.request.authorize, line.request.visible = may, visible


def _read(importer: Importer, number: int, text: bytes) -> _Line:
    line = _Line(number)
    if len(text) > LINE_BYTES_MAX:
        line.conclude(
            LineOutcome.MALFORMED, code="content_too_large", detail=f"A line may have {LINE_BYTES_MAX} bytes."
        )
        return line
    try:
        told = ImportLine.model_validate_json(text)
        line.key = told.key
        require_strict(text)
        line.request = _request(importer, told, text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "/".join(str(part) for part in fault["loc"])
        line.conclude(LineOutcome.MALFORMED, code="invalid_request", detail=f"{place}: {fault['msg']}"[:500])
    except UnknownCommandError as error:
        line.conclude(LineOutcome.MALFORMED, code="unknown_command", detail=str(error))
    except Problem as problem:
        line.conclude(LineOutcome.MALFORMED, code=problem.code, detail=problem.detail)
    return line


def _request(importer: Importer, told: ImportLine, text: bytes) -> CommandRequest:
    name, _, verb = told.command.partition(".")
    aggregate = BY_NAME.get(name)
    kind = aggregate.command_named(verb) if aggregate and verb not in aggregate.for_operators else None
    if aggregate is None or kind is None or not kind.is_importable or not told.stream.startswith(f"{name}-"):
        raise UnknownCommandError(f"There is no command {told.command} for {told.stream}.")
    is_creating = kind is aggregate.creating[1]
    entity_id = entity_id_of(told.stream)
    own_id = {aggregate.id_field: entity_id} if is_creating else {}
    # JSON again, because strict validation accepts an id or a date as text only there.
    command = kind.model_validate_json(to_json({**told.body, **own_id, "effective_at": told.effective_at}))
    return CommandRequest(
        aggregate=aggregate,
        entity_id=entity_id,
        command=command,
        org_id=importer.org_id,
        actor=importer.actor,
        # Without any role, until it is known which there are when the line is recorded.
        authorize=partial(authorize, Caller(importer.org_id, importer.actor)),
        visible=frozenset(),
        is_creating=is_creating,
        key=IdempotencyKey(told.key, hashlib.sha256(text.strip()).digest(), lifetime=None),
        on_behalf_of=told.on_behalf_of,
        traceparent=importer.traceparent,
        wants_resource=False,
        event_ids=lambda event: uuid5(EVENT_IDS, f"{importer.org_id}/{importer.actor}/{told.key}/{event}"),
    )


def _conclude(line: _Line, outcome: Outcome) -> None:
    match outcome:
        case Appended():
            was_recorded = line.decided is not None and bool(line.decided.recording.events)
            line.conclude(LineOutcome.RECORDED if was_recorded else LineOutcome.UNCHANGED, outcome.position)
        case Replayed():
            line.conclude(LineOutcome.REPLAYED, outcome.position)
        case KeyReused():
            _refuse(line, KeyMisused())
        case Conflict():
            _refuse(line, Contended())


def _refuse(line: _Line, refusal: Exception) -> None:
    match refusal:
        case Rejection():
            line.conclude(LineOutcome.REFUSED, code=refusal.code, detail=refusal.detail)
        case NotFound():
            nothing = not_found()
            line.conclude(LineOutcome.REFUSED, code=nothing.code, detail=nothing.detail)
        case KeyMisused():
            line.conclude(
                LineOutcome.REFUSED,
                code="idempotency_key_reused",
                detail="The key was used before for another line.",
            )
        case NewerHistory():
            line.conclude(LineOutcome.UNKNOWN, code=refusal.code, detail=refusal.detail)
        case Problem():
            line.conclude(LineOutcome.REFUSED, code=refusal.code, detail=refusal.detail)
        case Contended():
            line.conclude(LineOutcome.REFUSED, code="contended", detail="Others kept changing the resource.")
        case _:
            raise refusal

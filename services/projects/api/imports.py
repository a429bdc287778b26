"""`POST /v1/imports`: NDJSON in, one command a line; NDJSON out, one result a line, then the sum.

Results are streamed while lines still arrive. An interrupted import is sent again: what was recorded is replayed.
It has no deadline, so who sends it is asked again on the way: it ends with their token, key or membership.
"""

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from libs.access.authentication import caller_again, current_caller
from libs.chassis import problem_codes, tracing
from libs.chassis.problems import Problem
from libs.chassis.queries import refuse_except
from services.projects.import_lines import LineOutcome, LineResult
from services.projects.importing import LINE_BYTES_MAX, Importer, ImportHandler

PATH = "/v1/imports"
MEDIA_TYPE = "application/x-ndjson"


class DuplexResponse(StreamingResponse):
    """A streamed answer to a body that is still being read: nobody but the reader may call `receive`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


def routes() -> list[BaseRoute]:
    return [Route(PATH, post, methods=["POST"])]


async def post(request: Request) -> Response:
    """Import the lines of the body."""
    refuse_except(request)
    caller = await current_caller(request)
    importer = Importer(caller.org_id, caller.actor, partial(caller_again, request), tracing.current())
    handler: ImportHandler = request.app.state.imports
    return DuplexResponse(_answer(handler, importer, request), 200, media_type=MEDIA_TYPE)


async def _answer(handler: ImportHandler, importer: Importer, request: Request) -> AsyncIterator[bytes]:
    counts: Counter[LineOutcome] = Counter()
    position = 0
    interruption: Problem | None = None
    try:
        async for results in handler.run(importer, _lines(request)):
            counts.update(result.outcome for result in results)
            position = max([position, *(result.position or 0 for result in results)])
            yield b"".join(_line(result) for result in results)
    except Problem as problem:
        # The status has been sent already; the sum says that, and why, the rest was not recorded.
        interruption = problem
    total = {"lines": counts.total(), **{str(outcome): counts[outcome] for outcome in LineOutcome}}
    yield to_json({**total, "position": position or None, **_failure(interruption)}) + b"\n"


def _failure(interruption: Problem | None) -> dict[str, str]:
    if interruption is None:
        return {}
    meaning = problem_codes.known(interruption.code, interruption.status)
    return {"code": interruption.code, "detail": interruption.detail or meaning.explanation}


def _line(result: LineResult) -> bytes:
    return result.model_dump_json(exclude_none=True).encode() + b"\n"


async def _lines(request: Request) -> AsyncIterator[bytes]:
    """The lines of the body as they arrive, of each no more than tells that it is too long."""
    rest = b""
    async for part in request.stream():
        *lines, last = part.split(b"\n")
        for line in lines:
            yield rest + line
            rest = b""
        rest = (rest + last)[: LINE_BYTES_MAX + 1]
    if rest:
        yield rest

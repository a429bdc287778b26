"""The outermost layer of every service: trace, size, time, one measurement, one log line, never a bare error.

One pure ASGI layer, because each layer more costs every request a few microseconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.chassis import metrics, problems, tracing
from libs.chassis.problems import Problem

BODY_BYTES_MAX = 256 * 1024
IMPORT_BODY_BYTES_MAX = 64 * 1024 * 1024
IMPORT_IDLE_SECONDS = 30.0
IMPORT_PREFIX = "/v1/imports"
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Not a status of HTTP: there was no answer, e.g. because the process was stopping.
UNANSWERED = 499
CLOSE = {"Connection": "close"}

log = structlog.get_logger(__name__)


class RequestLog(Protocol):
    """Writes the line of one request that is over; `route` is the template, not the path, `seconds` its time."""

    def __call__(self, method: str, route: str, status: int, seconds: float, trace_id: str) -> None: ...


class RequestGuard:
    """Guards `app`: a request has `deadline_seconds` to start its answer, an import only must not fall silent.

    `templates` gives the path of those endpoints whose route does not tell it in the scope.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        deadline_seconds: float = 8.0,
        request_log: RequestLog | None = None,
        templates: Mapping[Any, str] | None = None,
    ) -> None:
        self._app = app
        self._deadline_seconds = deadline_seconds
        self._request_log = request_log
        self._templates = templates or {}
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        traceparent, announced_bytes = _told_by(scope["headers"])
        own = tracing.adopt(traceparent)
        method = scope["method"]
        if method == "HEAD":
            # Whatever can be read can be asked for without its body, which the server leaves out.
            scope = {**scope, "method": "GET"}
        exchange = _Exchange(receive, send, is_import=scope["path"].startswith(IMPORT_PREFIX))
        metrics.REQUESTS_IN_PROGRESS.inc()
        try:
            if tracing.is_collecting():
                with tracing.span(f"{method} {scope['path']}", traceparent=own):
                    await self._answer(scope, exchange, announced_bytes)
            else:
                await self._answer(scope, exchange, announced_bytes)
        finally:
            metrics.REQUESTS_IN_PROGRESS.dec()
            self._record(method, scope, exchange.status or UNANSWERED, time.perf_counter() - started, own)

    async def _answer(self, scope: Scope, exchange: "_Exchange", announced_bytes: int) -> None:
        receive = exchange.receive if scope["method"] in METHODS_WITH_BODY else exchange.receive_unguarded
        deadline = exchange.deadline = asyncio.timeout(None if exchange.is_import else self._deadline_seconds)
        try:
            async with deadline:
                exchange.expect(announced_bytes)
                await self._app(scope, receive, exchange.send)
        except Exception as error:
            if exchange.status:
                # Half an answer is out: only a broken connection can still say that it is no answer.
                log.error("answer_broken_off", path=scope["path"], exc_info=error)
                raise
            cause = exchange.refusal or (exchange.overdue() if deadline.expired() else error)
            exchange.deadline = None
            answer = problems.answer(cause, scope["path"])
            await answer(scope, exchange.receive_unguarded, exchange.send)

    def _record(self, method: str, scope: Scope, status: int, seconds: float, traceparent: str) -> None:
        route: str = getattr(scope.get("route"), "path", None) or self._templates.get(
            scope.get("endpoint"), "unmatched"
        )
        key = (method, route, status)
        observer = self._observers.get(key)
        if observer is None:
            observer = metrics.REQUEST_SECONDS.labels(method, route, str(status)).observe
            self._observers[key] = observer
        observer(seconds)
        if self._request_log is not None:
            self._request_log(method, route, status, seconds, traceparent[3:35])


class _Exchange:
    """One request and its answer on their way through; `status` is 0 until the answer starts."""

    __slots__ = (
        "_bytes_left",
        "_is_body_complete",
        "_send",
        "deadline",
        "is_import",
        "receive_unguarded",
        "refusal",
        "status",
    )

    def __init__(self, receive: Receive, send: Send, *, is_import: bool) -> None:
        self.receive_unguarded = receive
        self._send = send
        self.is_import = is_import
        self._bytes_left = IMPORT_BODY_BYTES_MAX if is_import else BODY_BYTES_MAX
        self._is_body_complete = True
        self.deadline: asyncio.Timeout | None = None
        # Frameworks swallow what `receive` raises and make a 400 of it; this is what was meant.
        self.refusal: Problem | None = None
        self.status = 0

    def expect(self, announced_bytes: int) -> None:
        """Refuse a body that says itself that it is too large, before a byte of it is read."""
        if announced_bytes > self._bytes_left:
            raise Problem(413, "content_too_large", headers=CLOSE)

    async def receive(self) -> Message:
        self._is_body_complete = False
        if self.is_import:
            message = await self._receive_before_silence()
        else:
            message = await self.receive_unguarded()
        if message["type"] == "http.request":
            self._bytes_left -= len(message.get("body", b""))
            self._is_body_complete = not message.get("more_body", False)
            if self._bytes_left < 0:
                self.refusal = Problem(413, "content_too_large", headers=CLOSE)
                raise self.refusal
        return message

    async def _receive_before_silence(self) -> Message:
        try:
            async with asyncio.timeout(IMPORT_IDLE_SECONDS):
                return await self.receive_unguarded()
        except TimeoutError:
            self.refusal = Problem(408, "request_timeout", headers=CLOSE)
            raise self.refusal from None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.deadline is not None:
                # What has started may take its time: streams live for hours.
                self.deadline.reschedule(None)
        await self._send(message)

    def overdue(self) -> Problem:
        """Whose fault a missed deadline is: of the sender, if its body never came completely."""
        if self._is_body_complete:
            return Problem(503, "deadline_exceeded", headers={"Retry-After": "1"})
        return Problem(408, "request_timeout", headers=CLOSE)


def _told_by(headers: list[tuple[bytes, bytes]]) -> tuple[str | None, int]:
    """The `traceparent`, and the length of the body as far as it is told (0 if not)."""
    traceparent, announced_bytes = None, 0
    for name, value in headers:
        if name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name == b"content-length" and value.isdigit():
            announced_bytes = int(value[:19])
    return traceparent, announced_bytes

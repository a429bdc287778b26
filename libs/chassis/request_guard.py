"""The outermost layer of every service: trace, size, time, one measurement, one log line, never a bare error.

One pure ASGI layer, because each layer more costs every request a few microseconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.chassis import metrics, problems, tracing
from libs.chassis.problems import Problem

if TYPE_CHECKING:
    from libs.chassis.span_export import OpenSpan

BODY_BYTES_MAX = 256 * 1024
IMPORT_BODY_BYTES_MAX = 64 * 1024 * 1024
IMPORT_IDLE_SECONDS = 30.0
IMPORT_PREFIX = "/v1/imports"
# Asked every few seconds by machines: neither logged nor traced.
PROBES = frozenset({"/livez", "/readyz"})
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
        method = scope["method"]
        span = None
        if tracing.is_collecting() and scope["path"] not in PROBES:
            span = tracing.begin(method, traceparent)
        own = tracing.adopt(traceparent) if span is None else span.traceparent
        if method == "HEAD":
            # Whatever can be read can be asked for without its body, which the server leaves out.
            scope = {**scope, "method": "GET"}
        exchange = _Exchange(receive, send, is_import=scope["path"].startswith(IMPORT_PREFIX))
        metrics.requests_in_progress += 1
        try:
            await self._answer(scope, exchange, announced_bytes)
        finally:
            metrics.requests_in_progress -= 1
            route = self._route(scope)
            status = exchange.status or UNANSWERED
            self._record(method, route, status, time.perf_counter() - started, own)
            if span is not None:
                _end(span, method, route, status)

    async def _answer(self, scope: Scope, exchange: "_Exchange", announced_bytes: int) -> None:
        receive = exchange.receive if scope["method"] in METHODS_WITH_BODY else exchange.receive_unguarded
        if not exchange.is_import:
            exchange.start_deadline(self._deadline_seconds)
        try:
            exchange.expect(announced_bytes)
            await self._app(scope, receive, exchange.send)
        except asyncio.CancelledError:
            if not exchange.is_deadline_the_cause():
                raise
            await _refuse(scope, exchange, exchange.overdue())
        except Exception as error:
            exchange.stop_deadline()
            await _refuse(scope, exchange, exchange.refusal or error)
        finally:
            exchange.stop_deadline()

    def _route(self, scope: Scope) -> str:
        """The template of the path, which stands for all paths of its kind."""
        route: str = getattr(scope.get("route"), "path", None) or self._templates.get(
            scope.get("endpoint"), "unmatched"
        )
        return route

    def _record(self, method: str, route: str, status: int, seconds: float, traceparent: str) -> None:
        key = (method, route, status)
        observer = self._observers.get(key)
        if observer is None:
            observer = metrics.REQUEST_SECONDS.labels(method, route, str(status)).observe
            self._observers[key] = observer
        observer(seconds)
        if self._request_log is not None:
            self._request_log(method, route, status, seconds, traceparent[3:35])


def _end(span: "OpenSpan", method: str, route: str, status: int) -> None:
    """End the span of a request; what is the client's fault is no error of ours."""
    attributes: tracing.Attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
    }
    error = str(status) if status >= 500 or status == UNANSWERED else None
    span.end(name=f"{method} {route}", error=error, attributes=attributes)


async def _refuse(scope: Scope, exchange: "_Exchange", cause: Exception) -> None:
    if exchange.status:
        # Half an answer is out: only a broken connection can still say that it is no answer.
        log.error("answer_broken_off", path=scope["path"], exc_info=cause)
        raise cause
    answer = problems.answer(cause, scope["path"])
    await answer(scope, exchange.receive_unguarded, exchange.send)


class _Exchange:
    """One request and its answer on their way through; `status` is 0 until the answer starts."""

    __slots__ = (
        "_bytes_left",
        "_deadline",
        "_is_body_complete",
        "_is_overdue",
        "_send",
        "_task",
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
        self._deadline: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_overdue = False
        # Frameworks swallow what `receive` raises and make a 400 of it; this is what was meant.
        self.refusal: Problem | None = None
        self.status = 0

    def start_deadline(self, seconds: float) -> None:
        """Cancel the request after so many seconds; as `asyncio.timeout` does, for a third of its price."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._deadline = loop.call_later(seconds, self._expire)

    def stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def is_deadline_the_cause(self) -> bool:
        """Whether the cancellation just caught came from the deadline, and from nobody else besides."""
        return self._is_overdue and self._task is not None and self._task.uncancel() == 0

    def _expire(self) -> None:
        self._is_overdue = True
        if self._task is not None:
            self._task.cancel()

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
            # What has started may take its time: streams live for hours.
            self.stop_deadline()
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

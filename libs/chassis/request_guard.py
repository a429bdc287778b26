"""The outermost layer of every service: what may come in, trace, one measurement, one log line, never a bare error.

One pure ASGI layer, because each layer more costs every request a few microseconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.chassis import compression, deprecation, identity, load_shedding, metrics, noting, problems, tracing
from libs.chassis.client_address import ClientAddresses
from libs.chassis.cross_origin import CrossOrigin
from libs.chassis.deprecation import Deprecations
from libs.chassis.exchange import NOT_GUESSED, Exchange
from libs.chassis.load_shedding import LoopLag
from libs.chassis.noting import AccessRecorder, Answered
from libs.chassis.problems import Problem
from libs.chassis.rate_limiting import Header, RateLimits

if TYPE_CHECKING:
    from libs.chassis.span_export import OpenSpan

# Asked every few seconds by machines: neither limited, nor shed, nor logged, nor traced.
PROBES = frozenset({"/livez", "/readyz"})
# Not a status of HTTP: there was no answer, as its client had gone, or the process was stopping.
UNANSWERED = 499

log = structlog.get_logger(__name__)


class RequestLog(Protocol):
    """Writes the line of one request that is over; `route` is the template, not the path, `seconds` its time."""

    def __call__(self, method: str, route: str, status: int, seconds: float, trace_id: str) -> None: ...


class RequestGuard:
    """Guards `app`: a request has `deadline_seconds` to start its answer, an import only must not fall silent.

    `templates` gives the path of those endpoints whose route does not tell it in the scope. Without `limits` nobody
    is limited; while the event loop is later than `loop_lag_seconds_max` all the time, requests are turned away, and
    so is one that waits longer than `pool_wait_seconds_max` for a connection to the database.
    `recorder` is told what was denied and what was decided over others.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        deadline_seconds: float = 8.0,
        request_log: RequestLog | None = None,
        templates: Mapping[Any, str] | None = None,
        recorder: AccessRecorder | None = None,
        limits: RateLimits | None = None,
        addresses: ClientAddresses | None = None,
        cross_origin: CrossOrigin | None = None,
        deprecations: Deprecations = deprecation.NONE,
        loop_lag: LoopLag = load_shedding.LOOP_LAG,
        loop_lag_seconds_max: float = 0.25,
        pool_wait_seconds_max: float = 0.5,
    ) -> None:
        self._app = app
        self._deadline_seconds = deadline_seconds
        self._request_log = request_log
        self._templates = templates or {}
        self._recorder = recorder
        self._limits = limits
        self._addresses = addresses or ClientAddresses()
        self._cross_origin = cross_origin or CrossOrigin()
        self._deprecations = deprecations
        self._loop_lag = loop_lag
        self._loop_lag_seconds_max = loop_lag_seconds_max
        self._pool_wait_seconds_max = pool_wait_seconds_max
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method, is_probe = scope["method"], scope["path"] in PROBES
        exchange = Exchange(scope, receive, send, self._complete)
        parent = exchange.fields.get(b"traceparent")
        traceparent = None if parent is None else parent.decode("latin-1")
        span = tracing.begin(method, traceparent) if tracing.is_collecting() and not is_probe else None
        own = tracing.adopt(traceparent) if span is None else span.traceparent
        if method == "HEAD":
            # Whatever can be read can be asked for without its body, which the exchange leaves out.
            scope = exchange.scope = {**scope, "method": "GET"}
        metrics.requests_in_progress += 1
        note = noting.begin()
        try:
            await self._answer(scope, exchange, is_probe)
        finally:
            metrics.requests_in_progress -= 1
            route = self._route(scope)
            status = exchange.status or UNANSWERED
            self._record(method, route, status, time.perf_counter() - started, own)
            if self._recorder is not None and noting.is_worth_recording(note, status):
                self._recorder.record(Answered(note, method, route, scope["path"], status, own[3:35]))
            if span is not None:
                _end(span, method, route, status)

    async def _answer(self, scope: Scope, exchange: Exchange, is_probe: bool) -> None:
        try:
            exchange.start_deadline(self._deadline_seconds)
            if not is_probe:
                self._admit(scope, exchange)
                if self._cross_origin and (
                    asked := self._cross_origin.preflight(scope["method"], exchange.fields)
                ):
                    await asked(scope, exchange.receive, exchange.send)
                    return
            if len(exchange.fields) < len(scope["headers"]):
                identity.require_one_authorization(scope["headers"])
            exchange.expect_body()
            await self._app(scope, exchange.receive, exchange.send)
            if exchange.is_cancelled:
                # The application ended before it heard of it: hear of it here.
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            is_own = exchange.is_own_cancellation()
            if not exchange.status:
                # Their time is over, or that of the whole process, which ends.
                await _refuse(scope, exchange, exchange.overdue())
            if not is_own:
                raise
        except ClientDisconnect:
            pass  # Nobody is there any more; that is what is recorded.
        except Exception as error:
            exchange.stop_deadline()
            await _refuse(scope, exchange, exchange.refusal or error)
        finally:
            exchange.stop_deadline()

    def _admit(self, scope: Scope, exchange: Exchange) -> None:
        """Raise `Problem` 503 or 429 where there is too much work, or too much of it from one client."""
        if self._loop_lag.standing_seconds > self._loop_lag_seconds_max:
            raise load_shedding.overloaded()
        load_shedding.POOL_PATIENCE_SECONDS.set(self._pool_wait_seconds_max)
        if self._limits is not None:
            client, forwarded_for = scope.get("client"), exchange.fields.get(b"x-forwarded-for")
            address = self._addresses.of(
                client[0] if client else None,
                None if forwarded_for is None else forwarded_for.decode("latin-1"),
            )
            exchange.allowance = self._limits.begin(address)
            exchange.allowance.require()

    def _complete(self, exchange: Exchange, status: int) -> list[Header] | Problem:
        """The headers that every answer has; or 429 for who presents one wrong token after the other."""
        headers: list[Header] = [NOT_GUESSED]
        if self._limits is not None and exchange.allowance is not None:
            if status == 401 and b"authorization" in exchange.fields:
                refusal = self._limits.take_refused_token(exchange.allowance)
                if refusal is not None:
                    return refusal
            headers += exchange.allowance.headers()
        if self._cross_origin:
            headers += self._cross_origin.headers(exchange.fields.get(b"origin"))
        if self._deprecations:
            key = (exchange.scope["method"], self._route(exchange.scope))
            if key in self._deprecations:
                headers += self._deprecations[key].headers()
        return headers

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


async def _refuse(scope: Scope, exchange: Exchange, cause: Exception) -> None:
    if exchange.status:
        # Half an answer is out: only a broken connection can still say that it is no answer.
        log.error("answer_broken_off", path=scope["path"], exc_info=cause)
        raise cause
    try:
        answer = problems.answer(cause, scope["path"])
        await compression.answer_ready(answer, scope, exchange.receive, exchange.send)
    except Problem as instead:
        await problems.response(instead, scope["path"])(scope, exchange.receive, exchange.send)

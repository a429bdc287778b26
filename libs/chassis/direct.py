"""Operations answered without the framework: for paths on which routing would cost more than the work.

The request guard stands before them as before everything else; errors are raised as `Problem`s as everywhere.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.chassis import compression, exchange
from libs.chassis.faults import unknown_parameters
from libs.chassis.problems import Problem
from libs.chassis.rate_limiting import Header

JSON_TYPE: Header = (b"content-type", b"application/json")


class DirectRequest:
    """A request as the server hands it over. Header names are lower-case; of repeated ones the last counts."""

    __slots__ = ("_headers", "_receive", "method", "path", "state")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.state: Any = scope["app"].state
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive

    def header(self, name: bytes) -> str | None:
        """The value of a header, or `None`."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self) -> bytes:
        """The whole body; raises what the guard objects to, and `ClientDisconnect` if nobody is there any more."""
        message = await self._receive()
        parts = [message.get("body", b"")]
        while message.get("more_body", False):
            message = await self._receive()
            parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(slots=True)
class DirectAnswer:
    """A ready answer: its JSON, and headers beside `content-type` and `content-length`, with names in lower case."""

    status: int
    body: bytes
    headers: Sequence[Header] = ()


Operation = Callable[[DirectRequest], Awaitable[DirectAnswer]]


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """What answers a request; `path` is the template under which it is measured and logged."""

    path: str
    operation: Operation


class DirectRoutes(Protocol):
    """Knows the operations by method and path."""

    def find(self, method: str, path: str) -> DirectRoute | None:
        """The operation, or `None` if the path is somebody else's. Raises `Problem` 405 for a wrong method."""


class DirectDispatch:
    """Answers what `routes` know; everything else goes on to `app`."""

    def __init__(self, routes: DirectRoutes, app: ASGIApp) -> None:
        self._routes = routes
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        if scope["query_string"]:
            raise unknown_parameters([name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"))])
        answer = await route.operation(DirectRequest(scope, receive))
        if len(answer.body) >= compression.BYTES_MIN:
            whole = Response(answer.body, answer.status, media_type="application/json")
            whole.raw_headers += answer.headers
            await compression.answer_ready(whole, scope, receive, send)
            return
        await send(exchange.whole_answer(answer.status, _headers(answer), answer.body))


def method_not_allowed(allowed: str) -> Problem:
    """The 405 of a path that exists, with the methods it has; HEAD is there where GET is."""
    names = "GET, HEAD" if allowed == "GET" else allowed
    return Problem(405, "method_not_allowed", headers={"Allow": names})


def _headers(answer: DirectAnswer) -> list[Header]:
    if answer.status == 304:
        return [*answer.headers]
    return [*answer.headers, JSON_TYPE, (b"content-length", b"%d" % len(answer.body))]

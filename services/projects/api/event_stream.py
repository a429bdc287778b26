"""`GET /v1/events/stream`: the same events as they are recorded, as server-sent events.

A frame's id is its position: a client that comes back with `Last-Event-ID` misses nothing and gets nothing twice.
"""

import asyncio
import base64
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from libs.access import api_keys
from libs.access.authentication import current_caller
from libs.chassis.claims import LEEWAY_SECONDS, strict_object
from libs.chassis.http_protocol import ABORT
from libs.chassis.identity import bearer_token
from libs.chassis.moments import read_position
from libs.chassis.queries import refuse_except
from libs.events.log.selecting import EventPages, Selection
from services.projects.api.event_questions import FILTERS, beyond_head, filters
from services.projects.event_streaming import (
    LAST_FRAME_SECONDS_MAX,
    EndReason,
    EventStream,
    Reader,
)
from services.projects.event_tail import EventTail
from services.projects.open_streams import OpenStreams

PATH = "/v1/events/stream"
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies must hand on what they get, when they get it.
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class EventStreams:
    """Opens streams: from `pages` up to `tail`, as long as `open_streams` has a place."""

    pages: EventPages
    tail: EventTail
    open_streams: OpenStreams

    def routes(self) -> list[BaseRoute]:
        return [Route(PATH, self.read, methods=["GET"])]

    async def read(self, request: Request) -> Response:
        """A stream from `Last-Event-ID` on, else from `after` on, else from now on."""
        caller = await current_caller(request)
        refuse_except(request, FILTERS | {"after": False})
        wanted = filters(request)
        position = _position(request)
        head = await self.pages.head()
        if position is not None and position > head:
            raise beyond_head(head)

        async def ask() -> Selection:
            return wanted.within(await current_caller(request))

        def stream(send: Callable[[bytes], Awaitable[None]]) -> EventStream:
            expiry = _expires_at(request.headers.get("authorization"))
            reader = Reader(wanted.within(caller), caller.actor, ask, expiry, send)
            return EventStream(reader, head if position is None else position, self.pages, self.tail)

        return EventStreamResponse(stream, self.open_streams)


class EventStreamResponse(Response):
    """Answers for as long as the stream lives. A reader who does not even take the last frame is cut off."""

    def __init__(
        self,
        stream: Callable[[Callable[[bytes], Awaitable[None]]], EventStream],
        open_streams: OpenStreams,
    ) -> None:
        self.status_code = 200
        self.background = None
        self._stream = stream
        self._open_streams = open_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_frames(frames: bytes) -> None:
            await send({"type": "http.response.body", "body": frames, "more_body": True})

        stream = self._stream(send_frames)
        with self._open_streams.place(stream):
            # A list of its own: what compresses the answer says so in it.
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            leaving = asyncio.create_task(_until_left(receive, stream), name="reader of an event stream")
            try:
                reason = await stream.run()
            finally:
                leaving.cancel()
        if reason is not EndReason.LEFT:
            try:
                async with asyncio.timeout(LAST_FRAME_SECONDS_MAX):
                    await send({"type": "http.response.body", "body": stream.last_frame(reason)})
            except TimeoutError:
                if ABORT in scope:
                    scope[ABORT]()
                    # The server finds nobody who might miss the rest.
                    await receive()


async def _until_left(receive: Receive, stream: EventStream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end(EndReason.LEFT)


def _position(request: Request) -> int | None:
    for name, text in (
        ("Last-Event-ID", request.headers.get("last-event-id")),
        ("after", request.query_params.get("after")),
    ):
        if text is not None:
            return read_position(name, text)
    return None


def _expires_at(authorization: str | None) -> float:
    """When a token that was verified expires, in seconds since the epoch; keys are asked about like roles."""
    token = bearer_token(authorization)
    if token.startswith(api_keys.PREFIX):
        return math.inf
    segment = token.split(".")[1]
    claims = strict_object(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return float(claims["exp"]) + LEEWAY_SECONDS

"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before and after the application.

Connections are counted; a head is at most 64 KiB and arrives within 10 s; who does not read the answer is cut off
after 30 s; what is no HTTP is answered with a problem as well.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from libs.chassis import load_shedding, tracing
from libs.chassis.exchange import NOT_GUESSED, SEND_WHOLE
from libs.chassis.problems import Problem
from libs.chassis.rate_limiting import Header

URL_BYTES_MAX = 16 * 1024
HEAD_BYTES_MAX = 64 * 1024
HEAD_SECONDS_MAX = 10.0
STALLED_SECONDS_MAX = 30.0
CONNECTIONS_MAX = 4_096
# In the scope of a request: what cuts its connection, for answers that nobody takes.
ABORT = "milepost.abort"
# Of a header line: the colon, the space, and the end of the line.
LINE_OVERHEAD_BYTES = 4


class BoundedConfig(uvicorn.Config):
    """uvicorn's own limit of connections answers in plain text; `connections_max` answers with a problem."""

    connections_max = CONNECTIONS_MAX


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Its clock runs from connecting to the end of the first head, and during each later head."""

    config: BoundedConfig

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_in_head = False
        self._head_bytes = 0
        self._uncertain_bytes = 0
        self._has_chunk_ended_a_request = False
        self._head_deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # --- The connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.config.connections_max:
            self._refuse(load_shedding.overloaded())
        else:
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self.resume_writing()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        # They know each other: without this the memory of every connection waits for the garbage collector.
        del self.transport, self.flow, self.scope
        self.cycle = None  # type: ignore[assignment]

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_SECONDS_MAX, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    # --- The head of a request ---

    def data_received(self, data: bytes) -> None:
        # At most this much of it is head; what is too large and complete is found at its end.
        self._head_bytes += len(data)
        self._has_chunk_ended_a_request = False
        super().data_received(data)
        if self._is_in_head:
            if self._head_bytes - self._uncertain_bytes > HEAD_BYTES_MAX or len(self.url) > URL_BYTES_MAX:
                self._refuse(self._too_large())
            elif self._head_deadline is None:
                self._start_clock()
        else:
            self._head_bytes = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope[ABORT], scope[SEND_WHOLE] = self.transport.abort, self.send_whole
        self._is_in_head = True
        # Of a piece in which another request ended, it is not known yet how much is head.
        self._uncertain_bytes = self._head_bytes if self._has_chunk_ended_a_request else 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_clock()
        if len(self.url) > URL_BYTES_MAX or (
            self._head_bytes > HEAD_BYTES_MAX and self._bytes_of_head() > HEAD_BYTES_MAX
        ):
            self._refuse(self._too_large())
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_chunk_ended_a_request = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def _bytes_of_head(self) -> int:
        return len(self.url) + sum(
            len(name) + len(value) + LINE_OVERHEAD_BYTES for name, value in self.headers
        )

    def _too_large(self) -> Problem:
        # In the middle of the first line there are no headers yet.
        if len(self.url) > URL_BYTES_MAX:
            return Problem(414, "url_too_long")
        return Problem(431, "headers_too_large")

    def _start_clock(self) -> None:
        self._head_deadline = self.loop.call_later(
            HEAD_SECONDS_MAX, self._refuse, Problem(408, "request_timeout")
        )

    def _stop_clock(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    # --- The answer ---

    def send_whole(self, scope: Scope, status: int, headers: Sequence[Header], body: bytes) -> bool:
        """Send an answer that is ready in one piece; header names are in lower case, one of them `content-length`.

        Returns false, and does nothing, where that takes more: if the client is gone, slow, or wants the connection
        closed, or has sent another request already. Raises `ValueError` if a header would be two.
        """
        cycle = self.cycle
        if (
            cycle is None
            or cycle.scope is not scope
            or cycle.response_started
            or cycle.disconnected
            or not cycle.keep_alive
            or self.flow.write_paused
        ):
            return False
        fields = [*cycle.default_headers, *headers]
        head = STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % each for each in fields])
        if head.count(b"\n") != len(fields) + 1:
            raise ValueError("a header with a line break")
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self.transport.write(b"%b\r\n%b" % (head, body))
        cycle.on_response()
        return True

    # --- What the application never sees ---

    def send_400_response(self, *_: str) -> None:
        self._refuse(Problem(400, "malformed_request"))

    def _refuse(self, problem: Problem) -> None:
        self._is_in_head = False
        self._stop_clock()
        if self.transport.is_closing():
            return
        # While an answer is on its way, another one would be read as a part of it.
        if self.cycle is None or self.cycle.response_complete:
            with tracing.continuing(None):
                body = problem.body("")
            status = HTTPStatus(problem.status)
            fields = {
                "content-type": "application/problem+json",
                "content-length": str(len(body)),
                "connection": "close",
                NOT_GUESSED[0].decode(): NOT_GUESSED[1].decode(),
                **problem.headers,
            }
            lines = [
                f"HTTP/1.1 {status.value} {status.phrase}",
                *(f"{name}: {fields[name]}" for name in fields),
            ]
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

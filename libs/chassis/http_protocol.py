"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before the application: the head of a request.

A head is at most 64 KiB and arrives within 10 s; what is no HTTP is answered with a problem as well.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from libs.chassis.problems import Problem

HEAD_BYTES_MAX = 64 * 1024
HEAD_SECONDS_MAX = 10.0
REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Its clock runs from connecting to the end of the first head, and during each later head."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_in_head = False
        self._head_bytes = 0
        self._head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(431, "headers_too_large")
            elif self._head_deadline is None:
                self._start_clock()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_clock()
        super().on_headers_complete()

    def send_400_response(self, *_: str) -> None:
        self._refuse(400, "malformed_request")

    def _start_clock(self) -> None:
        self._head_deadline = self.loop.call_later(HEAD_SECONDS_MAX, self._refuse, 408, "request_timeout")

    def _stop_clock(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse(self, status: int, code: str) -> None:
        self._is_in_head = False
        self._stop_clock()
        if self.transport.is_closing():
            return
        # While an answer is on its way, another one would be read as a part of it.
        if self.cycle is None or self.cycle.response_complete:
            body = Problem(status, code).body("")
            head = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n" % (status, REASONS[status])
            self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        self.transport.close()

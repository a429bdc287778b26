"""One request and its answer on their way between server and application, within bounds of size and time."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from libs.chassis.problems import Problem
from libs.chassis.rate_limiting import Allowance, Header

BODY_BYTES_MAX = 256 * 1024
BODY_SECONDS_MAX = 10.0
IMPORT_BODY_BYTES_MAX = 64 * 1024 * 1024
IMPORT_IDLE_SECONDS = 30.0
IMPORT_PREFIX = "/v1/imports"
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
CLOSE = {"Connection": "close"}
JSON, NDJSON = "application/json", "application/x-ndjson"
# Of every answer: a browser must not take what people typed for a page or a program, whatever it looks like.
NOT_GUESSED: Header = (b"x-content-type-options", b"nosniff")

# Given the status of the answer: headers to add to it, or the problem to answer instead.
Completion = Callable[["Exchange", int], list[Header] | Problem]


class Exchange:
    """`status` is 0 until the answer starts.

    `fields` are the headers by lower-case name; of repeated ones the last counts.
    """

    __slots__ = (
        "_body_completed_at",
        "_bytes_left",
        "_complete",
        "_deadline",
        "_deadline_seconds",
        "_is_body_complete",
        "_is_head",
        "_is_import",
        "_is_over",
        "_loop",
        "_receive",
        "_send",
        "_started_at",
        "_task",
        "allowance",
        "fields",
        "is_cancelled",
        "receive",
        "refusal",
        "scope",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, complete: Completion) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._complete = complete
        self.allowance: Allowance | None = None
        self.fields: Mapping[bytes, bytes] = dict(scope["headers"])
        self._is_head = scope["method"] == "HEAD"
        self._is_import = scope["path"].startswith(IMPORT_PREFIX)
        self._bytes_left = IMPORT_BODY_BYTES_MAX if self._is_import else BODY_BYTES_MAX
        self._is_body_complete = True
        self.receive = self._receive_guarded if scope["method"] in METHODS_WITH_BODY else receive
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = asyncio.current_task(self._loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._is_over = False
        # Whether the cancellation of the task is our own doing.
        self.is_cancelled = False
        # Frameworks swallow what `receive` raises and make a 400 of it; this is what was meant.
        self.refusal: Problem | None = None
        self.status = 0

    # --- Time ---

    def start_deadline(self, seconds: float) -> None:
        """Cancel the request unless its answer starts that long after its body was complete.

        As `asyncio.timeout` does, for a third of its price. An import must only not fall silent.
        """
        if not self._is_import:
            self._deadline_seconds = seconds
            self._started_at = self._body_completed_at = self._loop.time()
            self._deadline = self._loop.call_later(seconds, self._expire)

    def stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def is_own_cancellation(self) -> bool:
        """Whether the cancellation just caught is our own, and nobody's besides."""
        return self.is_cancelled and self._task is not None and self._task.uncancel() == 0

    def overdue(self) -> Problem:
        """Whose fault a missed deadline is: of the sender, if its body never came completely."""
        if self._is_body_complete:
            return Problem(503, "deadline_exceeded", headers={"Retry-After": "1"})
        return Problem(408, "request_timeout", headers=CLOSE)

    def _expire(self) -> None:
        due = (
            self._body_completed_at + self._deadline_seconds
            if self._is_body_complete
            else self._started_at + max(BODY_SECONDS_MAX, self._deadline_seconds)
        )
        if due > self._loop.time():
            self._deadline = self._loop.call_at(due, self._expire)
        else:
            self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self.is_cancelled = True
            self._task.cancel()

    # --- The request's body ---

    def expect_body(self) -> None:
        """Refuse a body that says itself that it is too large, or of a wrong type, before a byte of it is read."""
        announced = self.fields.get(b"content-length")
        if announced is not None and announced != b"0" and announced.isdigit():
            if int(announced[:19]) > self._bytes_left:
                raise Problem(413, "content_too_large", headers=CLOSE)
            self._require_media_type()
        elif self._is_import and b"transfer-encoding" in self.fields:
            # Once it is read, the answer has begun.
            self._require_media_type()

    async def _receive_guarded(self) -> Message:
        self._is_body_complete = False
        message = await (self._receive_before_silence() if self._is_import else self._receive())
        if message["type"] == "http.request":
            body = message.get("body", b"")
            if body:
                self._bytes_left -= len(body)
                if self._bytes_left < 0:
                    self._refuse(Problem(413, "content_too_large", headers=CLOSE))
                self._require_media_type()
            self._is_body_complete = not message.get("more_body", False)
            if self._is_body_complete and self._deadline is not None:
                self._body_completed_at = self._loop.time()
        return message

    async def _receive_before_silence(self) -> Message:
        try:
            async with asyncio.timeout(IMPORT_IDLE_SECONDS):
                return await self._receive()
        except TimeoutError:
            self.refusal = Problem(408, "request_timeout", headers=CLOSE)
            raise self.refusal from None

    def _require_media_type(self) -> None:
        """One rule for every body: JSON, or lines of JSON where history is imported."""
        media_type = NDJSON if self._is_import else JSON
        told = self.fields.get(b"content-type", b"")
        if told != media_type.encode() and not says(told.decode("latin-1"), media_type):
            self._refuse(Problem(415, "unsupported_media_type", f"Send it as `Content-Type: {media_type}`."))

    def _refuse(self, problem: Problem) -> None:
        self.refusal = problem
        raise problem

    # --- The answer ---

    async def send(self, message: Message) -> None:
        if self._is_over:
            return
        if message["type"] == "http.response.start":
            completed = self._complete(self, message["status"])
            if isinstance(completed, Problem):
                self.refusal = completed
                raise completed
            self.status = message["status"]
            # What has started may take its time: streams live for hours.
            self.stop_deadline()
            if completed:
                message = {**message, "headers": [*message.get("headers", ()), *completed]}
        elif self._is_head:
            await self._end_without_body(message)
            return
        await self._send(message)

    async def _end_without_body(self, message: Message) -> None:
        """The headers were everything; an application that would go on for long is stopped."""
        self._is_over = True
        await self._send({"type": "http.response.body", "body": b""})
        if message.get("more_body", False):
            self._cancel()


def says(content_type: str, media_type: str) -> bool:
    """Whether a `Content-Type` says that media type in UTF-8."""
    told, _, parameters = content_type.lower().partition(";")
    return told.strip() == media_type and parameters.replace(" ", "").replace('"', "") in (
        "",
        "charset=utf-8",
    )

"""One request and its answer on their way between server and application, within bounds of size and time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
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
# The type of a message that is a whole answer, which no server knows: the exchange translates it.
WHOLE = "milepost.response"
# In the scope, where the server can do that in one piece: `send_whole(scope, status, headers, body)` of its connection.
SEND_WHOLE = "milepost.send_whole"
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

    @property
    def receive(self) -> Receive:
        """What the application reads the body by. Not kept: only the garbage collector would end such a circle."""
        return self._receive_guarded if self.scope["method"] in METHODS_WITH_BODY else self._receive

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
        if message["type"] == WHOLE:
            await self._send_whole(message)
        elif message["type"] == "http.response.start":
            await self._send({**message, "headers": self._started(message)})
        elif self._is_head:
            await self._end_without_body(message)
        else:
            await self._send(message)

    def _started(self, message: Message) -> list[Header]:
        """All headers of an answer that starts now; raises `Problem` where another one is to be given."""
        status = message["status"]
        completed = self._complete(self, status)
        if isinstance(completed, Problem):
            self.refusal = completed
            raise completed
        self.status = status
        # What has started may take its time: streams live for hours.
        self.stop_deadline()
        return [*message.get("headers", ()), *completed]

    async def _send_whole(self, message: Message) -> None:
        """In one piece where the server can, else in the two that every server knows."""
        status, headers, body = message["status"], self._started(message), message["body"]
        send_whole = self.scope.get(SEND_WHOLE)
        if self._is_head or send_whole is None or not send_whole(self.scope, status, headers, body):
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send({"type": "http.response.body", "body": body})

    async def _end_without_body(self, message: Message) -> None:
        """The headers were everything; an application that would go on for long is stopped."""
        self._is_over = True
        await self._send({"type": "http.response.body", "body": b""})
        if message.get("more_body", False):
            self._cancel()


def whole_answer(status: int, headers: Sequence[Header], body: bytes) -> Message:
    """What an application sends that has its answer ready: cheaper than the two messages it stands for."""
    return {"type": WHOLE, "status": status, "headers": headers, "body": body}


def says(content_type: str, media_type: str) -> bool:
    """Whether a `Content-Type` says that media type in UTF-8."""
    told, _, parameters = content_type.lower().partition(";")
    return told.strip() == media_type and parameters.replace(" ", "").replace('"', "") in (
        "",
        "charset=utf-8",
    )

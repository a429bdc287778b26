"""The life of one stream of events: from the database up to the tail, at the tail, and its last frame.

What a reader may see is asked again every half minute, and at once when the log says that it may be another.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog

from libs.chassis.clock import epoch_seconds
from libs.chassis.leading import backoff_seconds
from libs.chassis.postgres import is_transient
from libs.chassis.problems import Problem
from libs.events.log.selecting import EventPages, Page, Selection
from services.projects import measuring
from services.projects.event_tail import EventTail, Follower, frame

PAGE_EVENTS = 200
PING_SECONDS = 10.0
ASK_SECONDS = 30.0
ASK_AGAIN_SECONDS = 3.0
# So long what is known of access counts while nobody can be asked, e.g. as the database is away.
UNCONFIRMED_SECONDS_MAX = 60.0
SEND_SECONDS_MAX = 30.0
LAST_FRAME_SECONDS_MAX = 1.0
# The directory's answers are at most a second old: after that they know of what the log has just said.
DIRECTORY_SECONDS_MAX = 1.0
# When a browser comes back; they do not all come at once.
RETRY_MILLISECONDS = (1_000, 3_000)

log = structlog.get_logger(__name__)


class EndReason(StrEnum):
    """Why a stream ended; the last frame says it. Every one may be resumed, with a valid token."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    ACCESS_CHANGED = "access_changed"
    ACCESS_UNCONFIRMED = "access_unconfirmed"
    SERVER_STOPPING = "server_stopping"
    TOO_SLOW = "too_slow"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads. `ask` tells what they want and may see now, or raises `Problem` 401 or 403; `expires_at` is when
    their token does, in seconds since the epoch. `send` returns when the bytes are on their way."""

    selection: Selection
    actor: UUID
    ask: Callable[[], Awaitable[Selection]]
    expires_at: float
    send: Callable[[bytes], Awaitable[None]]


class EventStream:
    """One open stream. `ended` gets the reason why it ends; `tick` is called about once a second."""

    def __init__(self, reader: Reader, position: int, pages: EventPages, tail: EventTail) -> None:
        self._reader = reader
        self._selection = reader.selection
        # Everything wanted up to here was sent.
        self._position = position
        self._pages = pages
        self._tail = tail
        self._woken = asyncio.Event()
        self._follower: Follower | None = None
        self.ended: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        now = time.monotonic()
        self._asked_at = self._confirmed_at = self._sent_at = now
        self._sending_since: float | None = None

    @property
    def org_id(self) -> UUID:
        return self._selection.org_id

    @property
    def actor(self) -> UUID:
        return self._reader.actor

    def end(self, reason: EndReason) -> None:
        """End the stream; of several reasons the first one counts."""
        if not self.ended.done():
            self.ended.set_result(reason)

    def tick(self) -> None:
        """Look at the clock: who is too slow, and for whom something is due."""
        now = time.monotonic()
        if self._sending_since is not None and now - self._sending_since > SEND_SECONDS_MAX:
            self.end(EndReason.TOO_SLOW)
        elif now - self._confirmed_at > UNCONFIRMED_SECONDS_MAX:
            self.end(EndReason.ACCESS_UNCONFIRMED)
        elif self._is_asking_due() or now - self._sent_at > PING_SECONDS:
            self._woken.set()

    async def run(self) -> EndReason:
        """Feed the reader until the stream ends; returns why, with everything sent but the last frame."""
        feeding = asyncio.create_task(self._feed(), name="event stream")
        either: list[asyncio.Future[Any]] = [feeding, self.ended]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
            if self._follower is not None:
                self._tail.leave(self._follower)
        if not feeding.cancelled() and (error := feeding.exception()) is not None:
            log.error("event_stream_failed", exc_info=error)
            self.end(EndReason.FAILED)
        reason = self.ended.result()
        measuring.STREAMS_ENDED.labels(reason).inc()
        return reason

    def last_frame(self, reason: EndReason) -> bytes:
        """Where to resume, and why it is over."""
        return b'event: end\nid: %d\ndata: {"reason":"%s"}\n\n' % (self._position, reason.encode())

    # --- Feeding ---

    async def _feed(self) -> None:
        await self._send(b"retry: %d\n\n" % random.randint(*RETRY_MILLISECONDS) + self._ping())
        while True:
            follower = self._follower = await self._catch_up()
            await self._follow(follower)
            if follower.is_lagging:
                measuring.STREAMS_LAGGED.inc()
            if follower.must_ask:
                await asyncio.sleep(DIRECTORY_SECONDS_MAX)
                await self._ask_until_answered()

    async def _catch_up(self) -> Follower:
        """Send what the database has, page by page; at its end join the tail."""
        while True:
            page, head = await self._page()
            frames = [
                frame(position, body) for position, body in zip(page.positions, page.bodies, strict=True)
            ]
            if frames:
                await self._send(b"".join(frames), len(frames))
            self._position = page.next_after
            if self._is_asking_due():
                await self._ask()
            if self._position >= head:
                follower = self._tail.follow(
                    self._selection, self._reader.actor, self._position, self._woken.set
                )
                if follower is not None:
                    return follower

    async def _follow(self, follower: Follower) -> None:
        """Send what the tail tells, until it tells no more or the reader sees something else."""
        while True:
            for piece in follower.take():
                await self._send(piece.frames, piece.events)
                self._position = piece.position
            if not follower.pieces and not follower.is_lagging:
                self._position = max(self._position, follower.reached)
            if not follower.is_attached:
                return
            if self._is_asking_due() and await self._ask():
                self._tail.leave(follower)
                return
            if time.monotonic() - self._sent_at > PING_SECONDS:
                await self._send(self._ping())
            if not follower.pieces and follower.is_attached:
                await self._woken.wait()
                self._woken.clear()

    async def _send(self, frames: bytes, events: int = 0) -> None:
        self._sending_since = time.monotonic()
        await self._reader.send(frames)
        self._sending_since = None
        self._sent_at = time.monotonic()
        measuring.EVENTS_STREAMED.inc(events)

    def _ping(self) -> bytes:
        return b'event: ping\nid: %d\ndata: {"head":%d}\n\n' % (self._position, self._position)

    # --- Asking the database and the directory, which may be away for a while ---

    async def _page(self) -> tuple[Page, int]:
        failures = 0
        while True:
            try:
                return await self._pages.page(self._selection, self._position, PAGE_EVENTS)
            except Exception as error:
                if not is_transient(error):
                    raise
            await self._pause(failures)
            failures += 1

    async def _ask_until_answered(self) -> None:
        failures = 0
        while not await self._ask() and self._asked_at != self._confirmed_at:
            await self._pause(failures)
            failures += 1

    async def _ask(self) -> bool:
        """Ask what the reader may see now; whether that is something else than before. Ends the stream if nothing."""
        self._asked_at = time.monotonic()
        try:
            selection = await self._reader.ask()
        except Problem as problem:
            if problem.status in (401, 403):
                has_expired = epoch_seconds() >= self._reader.expires_at
                self.end(EndReason.TOKEN_EXPIRED if has_expired else EndReason.ACCESS_CHANGED)
                # Nothing more is sent; being ended cancels this.
                await asyncio.Event().wait()
            return False
        except Exception as error:
            if not is_transient(error):
                raise
            return False
        self._confirmed_at = self._asked_at
        has_changed = selection != self._selection
        self._selection = selection
        return has_changed

    def _is_asking_due(self) -> bool:
        now = time.monotonic()
        since_seconds = now - self._asked_at
        has_expired = epoch_seconds() >= self._reader.expires_at and since_seconds > 1.0
        is_confirmed = self._asked_at == self._confirmed_at
        return has_expired or since_seconds > (ASK_SECONDS if is_confirmed else ASK_AGAIN_SECONDS)

    async def _pause(self, failures: int) -> None:
        await asyncio.sleep(backoff_seconds(failures))
        if time.monotonic() - self._sent_at > PING_SECONDS / 2:
            await self._send(self._ping())

"""Checkpointed consumption: every event is applied once, in order, with the checkpoint in one transaction.

The position is the only order there is: lower than expected is a duplicate, higher is a gap, which is filled
from the log's feed. What fails for good parks its project; everything else is tried again from the checkpoint.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import nats.errors
import structlog
from nats.aio.client import Client

from libs.chassis.leading import Leadership, backoff_seconds
from libs.chassis.postgres import Database
from libs.chassis.sessions import is_transient
from libs.events import consuming, jetstream
from libs.events.applying import Application, Handler
from libs.events.consuming import CheckpointsMoved
from libs.events.envelope import Envelope, UnreadableEvent, read_cloud_event
from libs.events.feed import FeedUnavailable
from libs.events.pulling import Pull, PullLost

BATCH_EVENTS_MAX = 1_000
WAIT_SECONDS = 1.0
LOOK_SECONDS = 5.0

log = structlog.get_logger(__name__)


class LogChanged(Exception):
    """The checkpoint's event is not the one the log has there: this is another log, or one restored."""


class Pages(Protocol):
    """The log's feed, as far as a subscription reads it."""

    async def page(self, after: int, limit: int) -> list[Envelope]: ...


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """Where a service reads events: its durable carries its name, its leader lock is in its own database."""

    durable: str
    nats_url: str
    database_url: str


class Subscription:
    """Drives the handlers of one service with every event of the log. `run` it in one task.

    `on_progress` is told the position every handler has reached, after each commit. `connect` and `lead` say how
    broker and leader lock are reached.
    """

    def __init__(
        self,
        settings: SubscriptionSettings,
        database: Database,
        handlers: Sequence[Handler],
        feed: Pages,
        on_progress: Callable[[int], None] = lambda position: None,
        connect: jetstream.Connect = jetstream.connect,
        lead: Callable[[str, str], Leadership] = Leadership,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._leadership = lead
        self._feed = feed
        self._application = Application(database, handlers, on_progress)

    async def run(self) -> None:
        """Lead whenever the leader lock can be had, for ever; survives every outage."""
        failures = 0
        while True:
            position_before = self._application.position
            try:
                async with self._leadership(
                    self._settings.database_url, f"milepost.{self._settings.durable}"
                ):
                    await self._lead()
            except Exception as error:
                if not _is_passing(error):
                    raise
                log.warning("subscription_interrupted", error=f"{type(error).__name__}: {error}")
            failures = failures + 1 if self._application.position == position_before else 0
            await asyncio.sleep(backoff_seconds(failures))

    async def _lead(self) -> None:
        durable = self._settings.durable
        async with jetstream.connected(self._settings.nats_url, durable, self._connect) as client:
            pull = Pull(client, durable, _readable)
            await self._application.retry_what_waited_for_a_deploy()
            while True:
                await self._application.resume()
                is_known = await self._check_identity()
                await self._reach_the_stream(client)
                reached = self._application.position.number
                # Where projects does not say whether the log is the same, the stream shows the checkpoint's own event.
                await pull.start(reached if is_known else reached - 1)
                await self._follow(client, pull)

    async def _reach_the_stream(self, client: Client) -> None:
        """Read from the log what the stream holds no more: nobody would send it, and silence looks healthy."""
        state = (await jetstream.request(client, f"STREAM.INFO.{jetstream.STREAM}"))["state"]
        if state["first_seq"] > self._application.position.number + 1:
            await self._catch_up(state["first_seq"] - 1)

    async def _follow(self, client: Client, pull: Pull[Envelope | None]) -> None:
        """Apply what arrives until the flow breaks off or has a gap."""
        now = asyncio.get_running_loop().time
        look_at = now() + LOOK_SECONDS
        while True:
            try:
                arrived = await pull.take(BATCH_EVENTS_MAX, WAIT_SECONDS)
            except PullLost as error:
                log.warning("pull_lost", durable=self._settings.durable, reason=str(error))
                return
            envelopes, missing = self._in_order(arrived)
            consuming.observe_lag(self._application.position, envelopes, pull.pending)
            if envelopes:
                await self._application.apply(envelopes)
            if missing is not None:
                await self._catch_up(missing)
                return
            await self._application.carry_out_decisions()
            if not arrived and now() > look_at:
                if await self._is_behind(client):
                    return
                look_at = now() + LOOK_SECONDS

    async def _is_behind(self, client: Client) -> bool:
        """Whether the stream has more than arrived: what is lost last leaves no gap, only silence."""
        state = (await jetstream.request(client, f"STREAM.INFO.{jetstream.STREAM}"))["state"]
        is_behind: bool = state["last_seq"] > self._application.position.number
        if is_behind:
            log.warning("flow_fell_silent", position=self._application.position.number)
        return is_behind

    def _in_order(self, arrived: Sequence[tuple[int, Envelope | None]]) -> tuple[list[Envelope], int | None]:
        """The events behind the checkpoint without duplicates, and up to which position they have a gap."""
        envelopes: list[Envelope] = []
        last = self._application.position.number
        for sequence, envelope in arrived:
            if sequence <= last:
                self._compare(sequence, envelope)
                consuming.DUPLICATES.inc()
                continue
            if envelope is None or sequence > last + 1:
                return envelopes, sequence
            envelopes.append(envelope)
            last = sequence
        return envelopes, None

    async def _catch_up(self, position: int) -> None:
        """Read from the log itself what the stream does not have, up to a position."""
        consuming.GAPS.inc()
        log.warning(
            "gap_filled_from_feed", position_before=self._application.position.number, position=position
        )
        while self._application.position.number < position:
            envelopes = await self._feed.page(self._application.position.number, BATCH_EVENTS_MAX)
            if not envelopes:
                raise LogChanged(f"the stream has a position {position}, the log ends before it")
            await self._application.apply(envelopes)

    async def _check_identity(self) -> bool:
        """Refuse to go on behind a checkpoint of another log, such as one restored from a backup.

        Asked again whenever the flow broke off, for that is what happens when the stream is made anew from another log.
        False where projects does not answer.
        """
        number, event_id = self._application.position
        if event_id is None:
            return True
        try:
            there = await self._feed.page(number - 1, 1)
        except FeedUnavailable:
            return False
        if not there or there[0].event_id != event_id:
            raise self._another_log()
        return True

    def _compare(self, sequence: int, envelope: Envelope | None) -> None:
        """Refuse to go on where the stream has another event at the checkpoint."""
        number, event_id = self._application.position
        if sequence == number and envelope is not None and envelope.event_id != event_id:
            raise self._another_log()

    def _another_log(self) -> LogChanged:
        number, event_id = self._application.position
        return LogChanged(
            f"the checkpoint at position {number} names event {event_id}, which the log does not have there: "
            "was its database restored from a backup? Then run adopt-log of projects, and after that "
            f"python -m services.{self._settings.durable} adopt-log (docs/operating.md, A stream ahead of the log)"
        )


def _readable(body: bytes, sequence: int) -> Envelope | None:
    """The event, or `None` where the bytes are no event or not the one of this sequence."""
    try:
        envelope = read_cloud_event(body)
    except UnreadableEvent as error:
        log.error("unreadable_message", position=sequence, error=str(error))
        return None
    return envelope if envelope.position == sequence else None


def _is_passing(error: Exception) -> bool:
    """Whether trying again later, from the checkpoint, may help without anybody's doing."""
    return isinstance(
        error, (FeedUnavailable, LogChanged, CheckpointsMoved, nats.errors.Error, jetstream.ApiError)
    ) or is_transient(error)

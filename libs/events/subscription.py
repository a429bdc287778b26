"""Checkpointed consumption: every event is applied once, in order, with the checkpoint in one transaction.

The position is the only order there is: lower than expected is a duplicate, higher is a gap, which is filled
from the log's feed. What fails for good parks its project; everything else is tried again from the checkpoint.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncpg
import nats.errors
import structlog

from libs.chassis.postgres import Database, Leadership, is_transient
from libs.events import catalogue, consuming, jetstream, parking
from libs.events.consuming import Position
from libs.events.envelope import Envelope, Event, UnreadableEvent, read_cloud_event
from libs.events.feed import Feed, FeedUnavailable
from libs.events.pulling import Pull, PullLost

BATCH_EVENTS_MAX = 1_000
WAIT_SECONDS = 1.0
ATTEMPTS_MAX = 5
BACKOFF_SECONDS_MAX = 5.0

log = structlog.get_logger(__name__)


class Handler(Protocol):
    """What makes something of events. `name` is the key of its checkpoint."""

    name: str

    async def apply(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Apply a batch in order inside the caller's transaction; raising undoes all of it."""

    def forget(self) -> None:
        """Drop whatever is remembered between batches: the transaction failed, or another process led."""


class LogChanged(Exception):
    """The checkpoint's event is not the one the log has there: this is another log, or one restored."""


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """Where a service reads events: its durable carries its name, its leader lock is in its own database."""

    durable: str
    nats_url: str
    database_url: str


class Subscription:
    """Drives the handlers of one service with every event of the log. `run` it in one task.

    `on_progress` is told the position every handler has reached, after each commit.
    """

    def __init__(
        self,
        settings: SubscriptionSettings,
        database: Database,
        handlers: Sequence[Handler],
        feed: Feed,
        on_progress: Callable[[int], None] = lambda position: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._handlers = handlers
        self._feed = feed
        self._on_progress = on_progress
        self._position = Position(0, None)

    async def run(self) -> None:
        """Lead whenever the leader lock can be had, for ever; survives every outage."""
        failures = 0
        while True:
            position_before = self._position
            try:
                async with Leadership(self._settings.database_url, f"milepost.{self._settings.durable}"):
                    await self._lead()
            except Exception as error:
                if not _is_passing(error):
                    raise
                log.warning("subscription_interrupted", error=f"{type(error).__name__}: {error}")
            failures = failures + 1 if self._position == position_before else 0
            await asyncio.sleep(min(BACKOFF_SECONDS_MAX, 0.1 * 2**failures))

    async def _lead(self) -> None:
        name = jetstream.user_of(self._settings.nats_url, self._settings.durable)
        client = await jetstream.connect(self._settings.nats_url, name)
        pull = Pull(client, self._settings.durable)
        try:
            await self._retry_what_waited_for_a_deploy()
            while True:
                await self._resume()
                await pull.start(self._position.number)
                await self._follow(pull)
        finally:
            await pull.stop()
            await client.close()

    async def _resume(self) -> None:
        """Go back to the checkpoint, which is where the handlers truly are."""
        for handler in self._handlers:
            handler.forget()
        async with self._database.transaction() as connection:
            self._position = await consuming.lock_checkpoints(connection, [each.name for each in self._handlers])
        self._on_progress(self._position.number)

    async def _follow(self, pull: Pull) -> None:
        """Apply what arrives until the flow breaks off."""
        while True:
            try:
                arrived = await pull.take(BATCH_EVENTS_MAX, WAIT_SECONDS)
            except PullLost as error:
                log.warning("pull_lost", durable=self._settings.durable, reason=str(error))
                return
            envelopes = await self._in_order(arrived)
            consuming.observe_lag(self._position, envelopes, pull.pending)
            if envelopes:
                await self._apply(envelopes)
            await self._carry_out_decisions()

    async def _in_order(self, arrived: Sequence[tuple[int, bytes]]) -> list[Envelope]:
        """The events behind the checkpoint without duplicates or gaps; what is missing comes from the feed."""
        envelopes: list[Envelope] = []
        last = self._position.number
        for sequence, body in arrived:
            if sequence <= last:
                consuming.DUPLICATES.inc()
                continue
            envelope = _readable(body, sequence)
            if envelope is None or sequence > last + 1:
                consuming.GAPS.inc()
                log.warning("gap_filled_from_feed", position_before=last, position=sequence)
                return envelopes or await self._refill(last)
            envelopes.append(envelope)
            last = sequence
        return envelopes

    async def _refill(self, after: int) -> list[Envelope]:
        """The next events from the log itself. What was pulled beyond them is pulled once more."""
        envelopes = await self._feed.page(after, BATCH_EVENTS_MAX)
        if not envelopes:
            raise LogChanged(f"the stream goes beyond position {after}, the log does not")
        return envelopes

    async def _apply(self, envelopes: Sequence[Envelope]) -> None:
        try:
            with consuming.BATCH_SECONDS.time():
                await self._apply_together(envelopes)
        except Exception as error:
            if _is_passing(error):
                raise
            log.warning("batch_failed", position=envelopes[0].position, error=f"{type(error).__name__}: {error}")
            await self._resume()
            for envelope in envelopes:
                await self._apply_alone(envelope)
        consuming.BATCH_EVENTS.observe(len(envelopes))

    async def _apply_together(self, envelopes: Sequence[Envelope]) -> None:
        async with self._database.transaction() as connection:
            await self._write(connection, envelopes)
        self._advance(envelopes[-1])

    async def _apply_alone(self, envelope: Envelope) -> None:
        """Apply one event, counting its attempts; after the last one its project is parked and others go on."""
        while True:
            async with self._database.transaction() as connection:
                attempt = await parking.count_attempt(connection, envelope.position)
            try:
                await self._apply_together([envelope])
                return
            except Exception as error:
                if _is_passing(error):
                    raise
                await self._resume()
                if attempt >= ATTEMPTS_MAX or isinstance(error, catalogue.UnknownEvent):
                    await self._park(envelope, error)
                    return

    async def _park(self, envelope: Envelope, error: Exception) -> None:
        code = "unknown_event" if isinstance(error, catalogue.UnknownEvent) else "cannot_apply"
        log.error("project_parked", position=envelope.position, stream=envelope.stream, code=code, exc_info=error)
        async with self._database.transaction() as connection:
            await consuming.lock_checkpoints(connection, [each.name for each in self._handlers])
            await parking.park(connection, envelope, code, f"{type(error).__name__}: {error}")
            await self._write_checkpoints(connection, envelope)
        self._advance(envelope)

    async def _write(self, connection: asyncpg.Connection, envelopes: Sequence[Envelope]) -> None:
        """Everything a batch changes: the handlers' tables, what must wait, and the checkpoints."""
        checkpoints = await consuming.read_checkpoints(connection, [each.name for each in self._handlers])
        free, waiting = (await parking.ParkingLot.load(connection)).split(envelopes)
        if waiting:
            await parking.park_waiting(connection, waiting)
        events = [catalogue.read(envelope) for envelope in free]
        for handler in self._handlers:
            position = checkpoints[handler.name].number
            new = events if position < envelopes[0].position else _behind(events, position)
            if new:
                await handler.apply(connection, new)
        await self._write_checkpoints(connection, envelopes[-1])

    async def _write_checkpoints(self, connection: asyncpg.Connection, last: Envelope) -> None:
        names = [handler.name for handler in self._handlers]
        await consuming.write_checkpoints(connection, names, Position(last.position, last.event_id))

    def _advance(self, last: Envelope) -> None:
        self._position = Position(last.position, last.event_id)
        self._on_progress(last.position)

    async def _retry_what_waited_for_a_deploy(self) -> None:
        async with self._database.transaction() as connection:
            for parked in await parking.list_parked(connection):
                if parked.code == "unknown_event":
                    await parking.decide(
                        connection, parked.org_id, parked.sequence, "retry", "a new program started", "subscription"
                    )

    async def _carry_out_decisions(self) -> None:
        async with self._database.connection() as connection:
            decisions = await parking.open_decisions(connection)
            consuming.PARKED.set(len(await parking.list_parked(connection)))
        for decision in decisions:
            try:
                async with self._database.transaction() as connection:
                    await self._carry_out(connection, decision)
            except Exception as error:
                if _is_passing(error):
                    raise
                await self._resume()
                async with self._database.transaction() as connection:
                    result = f"failed: {type(error).__name__}: {error}"
                    await parking.close_decision(connection, decision.decision_id, None, result[:2_000])

    async def _carry_out(self, connection: asyncpg.Connection, decision: parking.Decision) -> None:
        waiting = await parking.waiting_events(connection, decision.org_id, decision.sequence)
        skipped, applied = (waiting[:1], waiting[1:]) if decision.decision == "skip" else ([], waiting)
        await parking.release(connection, waiting, decision.org_id, decision.sequence)
        events = [catalogue.read(envelope) for envelope in applied]
        if events:
            for handler in self._handlers:
                await handler.apply(connection, events)
        position = skipped[0].position if skipped else None
        await parking.close_decision(connection, decision.decision_id, position, f"applied {len(events)} events")
        log.info("parking_decided", sequence=decision.sequence, decision=decision.decision, events=len(events))


def _readable(body: bytes, sequence: int) -> Envelope | None:
    """The event, or `None` where the bytes are no event or not the one of this sequence."""
    try:
        envelope = read_cloud_event(body)
    except UnreadableEvent as error:
        log.error("unreadable_message", position=sequence, error=str(error))
        return None
    return envelope if envelope.position == sequence else None


def _behind(events: Sequence[Event], position: int) -> list[Event]:
    return [event for event in events if event.envelope.position > position]


def _is_passing(error: Exception) -> bool:
    """Whether trying again later, from the checkpoint, may help without anybody's doing."""
    return isinstance(
        error, (FeedUnavailable, LogChanged, nats.errors.Error, jetstream.ApiError, TimeoutError)
    ) or is_transient(error)

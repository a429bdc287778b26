"""Checkpointed consumption: every event is applied once, in order, with the checkpoint in one transaction.

The position is the only order there is: lower than expected is a duplicate, higher is a gap, which is filled
from the log's feed. What fails for good parks its project; everything else is tried again from the checkpoint.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import nats.errors
import structlog

from libs.chassis.leading import Leadership
from libs.chassis.postgres import Connection, Database
from libs.chassis.sessions import is_transient
from libs.events import catalogue, consuming, jetstream, parking
from libs.events.consuming import Position
from libs.events.envelope import Envelope, Event, UnreadableEvent, read_cloud_event
from libs.events.feed import Feed, FeedUnavailable
from libs.events.pulling import Pull, PullLost

BATCH_EVENTS_MAX = 1_000
WAIT_SECONDS = 1.0
ATTEMPTS_MAX = 5
DECISION_CHECK_SECONDS = 1.0
BACKOFF_SECONDS_MAX = 5.0

log = structlog.get_logger(__name__)


class Handler(Protocol):
    """What makes something of events. `name` is the key of its checkpoint."""

    name: str

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
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
        self._names = [handler.name for handler in handlers]
        self._position = Position(0, None)
        self._lot = parking.ParkingLot()
        self._decisions_due_at = 0.0

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
            await self._check_identity()
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
            self._position = await consuming.lock_checkpoints(connection, self._names)
            self._lot = await parking.ParkingLot.load(connection)
        consuming.PARKED.set(len(self._lot))
        self._on_progress(self._position.number)

    async def _follow(self, pull: Pull) -> None:
        """Apply what arrives until the flow breaks off or has a gap."""
        while True:
            try:
                arrived = await pull.take(BATCH_EVENTS_MAX, WAIT_SECONDS)
            except PullLost as error:
                log.warning("pull_lost", durable=self._settings.durable, reason=str(error))
                return
            envelopes, missing = self._in_order(arrived)
            consuming.observe_lag(self._position, envelopes, pull.pending)
            if envelopes:
                await self._apply(envelopes)
            if missing is not None:
                await self._catch_up(missing)
                return
            await self._carry_out_decisions()

    def _in_order(self, arrived: Sequence[tuple[int, bytes]]) -> tuple[list[Envelope], int | None]:
        """The events behind the checkpoint without duplicates, and up to which position they have a gap."""
        envelopes: list[Envelope] = []
        last = self._position.number
        for sequence, body in arrived:
            if sequence <= last:
                consuming.DUPLICATES.inc()
                continue
            envelope = _readable(body, sequence)
            if envelope is None or sequence > last + 1:
                return envelopes, sequence
            envelopes.append(envelope)
            last = sequence
        return envelopes, None

    async def _catch_up(self, position: int) -> None:
        """Read from the log itself what the stream does not have, up to a position."""
        consuming.GAPS.inc()
        log.warning("gap_filled_from_feed", position_before=self._position.number, position=position)
        while self._position.number < position:
            envelopes = await self._feed.page(self._position.number, BATCH_EVENTS_MAX)
            if not envelopes:
                raise LogChanged(f"the stream has a position {position}, the log ends before it")
            await self._apply(envelopes)

    async def _apply(self, envelopes: Sequence[Envelope]) -> None:
        try:
            with consuming.BATCH_SECONDS.time():
                await self._apply_together(envelopes)
        except Exception as error:
            if _is_passing(error):
                raise
            log.warning(
                "batch_failed", position=envelopes[0].position, error=f"{type(error).__name__}: {error}"
            )
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
        log.error(
            "project_parked", position=envelope.position, stream=envelope.stream, code=code, exc_info=error
        )
        async with self._database.transaction() as connection:
            await consuming.lock_checkpoints(connection, self._names)
            await parking.park(connection, envelope, code, f"{type(error).__name__}: {error}")
            await self._write_checkpoints(connection, envelope)
        await self._resume()

    async def _write(self, connection: Connection, envelopes: Sequence[Envelope]) -> None:
        """Everything a batch changes: the handlers' tables, what must wait, and the checkpoints."""
        checkpoints = await consuming.read_checkpoints(connection, self._names)
        free, waiting = self._lot.split(envelopes)
        if waiting:
            await parking.park_waiting(connection, waiting)
        events = [catalogue.read(envelope) for envelope in free]
        for handler in self._handlers:
            position = checkpoints[handler.name].number
            new = events if position < envelopes[0].position else _behind(events, position)
            if new:
                await handler.apply(connection, new)
        await self._write_checkpoints(connection, envelopes[-1])

    async def _write_checkpoints(self, connection: Connection, last: Envelope) -> None:
        await consuming.write_checkpoints(connection, self._names, Position(last.position, last.event_id))

    def _advance(self, last: Envelope) -> None:
        self._position = Position(last.position, last.event_id)
        self._on_progress(last.position)

    async def _check_identity(self) -> None:
        """Refuse to go on behind a checkpoint of another log, such as one restored from a backup."""
        await self._resume()
        number, event_id = self._position
        if event_id is None:
            return
        try:
            there = await self._feed.page(number - 1, 1)
        except FeedUnavailable:
            return
        if not there or there[0].event_id != event_id:
            raise LogChanged(
                f"the checkpoint at position {number} names event {event_id}, which the log does not have there: "
                "rebuild this service's read models (see docs/operating.md)"
            )

    async def _retry_what_waited_for_a_deploy(self) -> None:
        async with self._database.transaction() as connection:
            for parked in await parking.list_parked(connection):
                if parked.code == "unknown_event":
                    await parking.decide(
                        connection,
                        parked.org_id,
                        parked.sequence,
                        "retry",
                        "a new program started",
                        "subscription",
                    )

    async def _carry_out_decisions(self) -> None:
        if not len(self._lot) or time.monotonic() < self._decisions_due_at:
            return
        self._decisions_due_at = time.monotonic() + DECISION_CHECK_SECONDS
        async with self._database.connection() as connection:
            decisions = await parking.open_decisions(connection)
        for decision in decisions:
            try:
                async with self._database.transaction() as connection:
                    await self._carry_out(connection, decision)
                await self._resume()
            except Exception as error:
                if _is_passing(error):
                    raise
                await self._resume()
                async with self._database.transaction() as connection:
                    result = f"failed: {type(error).__name__}: {error}"
                    await parking.close_decision(connection, decision.decision_id, None, result[:2_000])

    async def _carry_out(self, connection: Connection, decision: parking.Decision) -> None:
        waiting = await parking.waiting_events(connection, decision.org_id, decision.sequence)
        skipped, applied = (waiting[:1], waiting[1:]) if decision.decision == "skip" else ([], waiting)
        await parking.release(connection, waiting, decision.org_id, decision.sequence)
        events = [catalogue.read(envelope) for envelope in applied]
        if events:
            for handler in self._handlers:
                await handler.apply(connection, events)
        position = skipped[0].position if skipped else None
        await parking.close_decision(
            connection, decision.decision_id, position, f"applied {len(events)} events"
        )
        log.info(
            "parking_decided", sequence=decision.sequence, decision=decision.decision, events=len(events)
        )


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
        error, (FeedUnavailable, LogChanged, nats.errors.Error, jetstream.ApiError)
    ) or is_transient(error)

"""Applying events: everything a batch changes, and the checkpoint, in one transaction.

What fails for good parks its project and lets the others go on; what may pass by itself is raised, to be tried
again from the checkpoint.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

import asyncpg
import structlog

from libs.chassis import tracing
from libs.chassis.postgres import Connection, Database, UnitExpired
from libs.chassis.sessions import is_transient
from libs.events import catalogue, consuming, jetstream, parking
from libs.events.consuming import Checkpoints, CheckpointsMoved, Position
from libs.events.envelope import Envelope, Event
from libs.events.parking_lot import ParkingLot
from libs.events.writing import Write, write_together

ATTEMPTS_MAX = 5
DECISION_CHECK_SECONDS = 1.0
RESULT_CHARACTERS_MAX = 2_000

log = structlog.get_logger(__name__)


class Handler(Protocol):
    """What makes something of events. `name` is the key of its checkpoint."""

    name: str

    async def apply(self, connection: Connection, events: Sequence[Event]) -> Sequence[Write] | None:
        """Apply a batch in order inside the caller's transaction; raising undoes all of it.

        Returns what is left to write, which is written together with what other handlers left.
        """

    def forget(self) -> None:
        """Drop whatever is remembered between batches: the transaction failed, or another process led."""


class Application:
    """Brings the handlers of one service forward, all in the same transaction.

    `on_progress` is told the position every handler has reached, after each commit.
    """

    def __init__(
        self, database: Database, handlers: Sequence[Handler], on_progress: Callable[[int], None]
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._on_progress = on_progress
        self._names = [handler.name for handler in handlers]
        self._checkpoints: Checkpoints = {}
        self._lot = ParkingLot()
        self._skipped: frozenset[int] = frozenset()
        self._decisions_due_at = 0.0
        self._tried: set[tuple[UUID, str, int | None]] = set()
        self.position = Position(0, None)

    async def resume(self) -> None:
        """Go back to the checkpoint, which is where the handlers truly are."""
        for handler in self._handlers:
            handler.forget()
        async with self._database.transaction() as connection:
            self._checkpoints = await consuming.lock_checkpoints(connection, self._names)
            self._lot = await ParkingLot.load(connection)
            self._skipped = await parking.skipped_positions(connection)
        self.position = consuming.furthest_behind(self._checkpoints)
        consuming.PARKED.set(len(self._lot))
        self._on_progress(self.position.number)

    async def apply(self, envelopes: Sequence[Envelope]) -> None:
        """Apply the next events. Raises only what may pass by itself; then `resume` before anything else."""
        try:
            await self._apply_together(envelopes)
        except Exception as error:
            if _may_pass(error) and not (_is_too_much(error) and len(envelopes) > 1):
                raise
            reason = f"{type(error).__name__}: {error}"
            log.warning("batch_failed", position=envelopes[0].position, events=len(envelopes), error=reason)
            await self.resume()
            await self._narrow_down(envelopes)

    async def _narrow_down(self, envelopes: Sequence[Envelope]) -> None:
        """Look for what failed by halves: one event costs the others of its batch a few steps, not one each."""
        middle = len(envelopes) // 2
        if middle == 0:
            await self._apply_alone(envelopes[0])
            return
        await self.apply(envelopes[:middle])
        await self.apply(envelopes[middle:])

    async def _apply_together(self, envelopes: Sequence[Envelope]) -> None:
        traces = tracing.distinct(envelope.traceparent for envelope in envelopes)
        attributes = jetstream.span_attributes("apply", "process", len(envelopes))
        with (
            consuming.BATCH_SECONDS.time(),
            tracing.batch_span(f"apply {jetstream.STREAM}", "consumer", traces, attributes),
        ):
            async with self._step(envelopes[-1]) as connection:
                await self._write(connection, envelopes)
            self._on_progress(self.position.number)
            consuming.BATCH_EVENTS.observe(len(envelopes))
            told = {"trace_ids": [each[3:35] for each in traces]} if len(traces) > 1 else {}
            log.info("applied", position=envelopes[-1].position, events=len(envelopes), **told)

    async def _apply_alone(self, envelope: Envelope) -> None:
        """Apply one event, counting its attempts; after the last one its project is parked and others go on."""
        with tracing.continuing(envelope.traceparent):
            while True:
                async with self._database.transaction() as connection:
                    attempt = await parking.count_attempt(connection, envelope.position)
                try:
                    await self._apply_together([envelope])
                    return
                except Exception as error:
                    if _may_pass(error):
                        raise
                    await self.resume()
                    if attempt >= ATTEMPTS_MAX or isinstance(error, catalogue.UnknownEvent):
                        await self._park(envelope, error)
                        return

    async def _park(self, envelope: Envelope, error: Exception) -> None:
        code, detail = parking.reason(error)
        log.error(
            "project_parked", position=envelope.position, stream=envelope.stream, code=code, exc_info=error
        )
        async with self._step(envelope) as connection:
            await parking.park(connection, envelope, code, detail)
        await self.resume()

    @asynccontextmanager
    async def _step(self, last: Envelope) -> AsyncIterator[Connection]:
        """A transaction that ends with the checkpoints at this event."""
        target = Position(last.position, last.event_id)
        async with (
            self._database.connection() as connection,
            consuming.step(connection, self._checkpoints, target),
        ):
            yield connection
        self._checkpoints = consuming.moved(self._checkpoints, target)
        self.position = target

    async def _write(self, connection: Connection, envelopes: Sequence[Envelope]) -> None:
        """Everything a batch changes beside the checkpoints: the handlers' tables, and what must wait."""
        # A handler that begins again meets what others have parked or left out before.
        envelopes = [each for each in envelopes if each.position not in self._skipped]
        free, waiting = self._lot.split(envelopes)
        if waiting:
            await parking.park_waiting(connection, waiting)
        events = [catalogue.read(envelope) for envelope in free]
        await self._handle(connection, [(each, self._new_to(each, events)) for each in self._handlers])

    def _new_to(self, handler: Handler, events: Sequence[Event]) -> Sequence[Event]:
        """The events behind the handler's own checkpoint."""
        position = self._checkpoints[handler.name].number
        if not events or events[0].envelope.position > position:
            return events
        return [event for event in events if event.envelope.position > position]

    def _behind(self, handler: Handler, events: Sequence[Event]) -> Sequence[Event]:
        """The events the handler has passed; what it has not come to yet it will still be given."""
        position = self._checkpoints[handler.name].number
        return [event for event in events if event.envelope.position <= position]

    async def _handle(
        self, connection: Connection, shares: Iterable[tuple[Handler, Sequence[Event]]]
    ) -> None:
        """Give handlers their events, and write what they leave to write."""
        left: list[Write] = []
        for handler, events in shares:
            if events:
                left += await handler.apply(connection, events) or ()
        await write_together(connection, left)

    async def retry_what_waited_for_a_deploy(self) -> None:
        """Ask for another try of everything this program may be new enough to know, once."""
        async with self._database.transaction() as connection:
            asked = {(each.org_id, each.sequence) for each in await parking.open_decisions(connection)}
            waiting = {
                (each.org_id, each.sequence, each.position)
                for each in await parking.list_parked(connection)
                if each.code == "unknown_event" and (each.org_id, each.sequence) not in asked
            }
            for org_id, sequence, _ in waiting - self._tried:
                await parking.decide(
                    connection, org_id, sequence, "retry", "a new program started", "subscription"
                )

    async def carry_out_decisions(self) -> None:
        """Do what operators have decided about parked sequences since the last look, a second ago or more.

        Also while nothing is parked: a decision left open would strike what is parked later.
        """
        now = asyncio.get_running_loop().time()
        if now < self._decisions_due_at:
            return
        self._decisions_due_at = now + DECISION_CHECK_SECONDS
        async with self._database.connection() as connection:
            decisions = await parking.open_decisions(connection)
        for decision in decisions:
            try:
                async with self._database.transaction() as connection:
                    await self._carry_out(connection, decision)
                await self.resume()
            except Exception as error:
                if _may_pass(error) and not _is_too_much(error):
                    raise
                await self.resume()
                which = decision.org_id, decision.sequence
                self._tried.add((*which, self._lot.first_position(*which)))
                async with self._database.transaction() as connection:
                    result = f"failed: {type(error).__name__}: {error}"
                    await parking.close_decision(
                        connection, decision.decision_id, None, result[:RESULT_CHARACTERS_MAX]
                    )

    async def _carry_out(self, connection: Connection, decision: parking.Decision) -> None:
        # Whoever leads, or exchanges a read model, meanwhile must not do so on top of this.
        if await consuming.lock_checkpoints(connection, self._names) != self._checkpoints:
            raise CheckpointsMoved("another process has applied events since")
        waiting = await parking.waiting_events(connection, decision.org_id, decision.sequence)
        if decision.decision == "skip":
            await self._skip(connection, decision, waiting)
        else:
            await self._retry(connection, decision, waiting)
        log.info(
            "parking_decided", sequence=decision.sequence, decision=decision.decision, events=len(waiting)
        )

    async def _retry(
        self, connection: Connection, decision: parking.Decision, waiting: Sequence[Envelope]
    ) -> None:
        await parking.release(connection, waiting, decision.org_id, decision.sequence)
        events = [catalogue.read(envelope) for envelope in waiting]
        await self._handle(connection, [(each, self._behind(each, events)) for each in self._handlers])
        await parking.close_decision(connection, decision.decision_id, None, f"applied {len(events)} events")

    async def _skip(
        self, connection: Connection, decision: parking.Decision, waiting: Sequence[Envelope]
    ) -> None:
        """Leave out the first event for good; what waits behind it may fail as well, so it is tried by itself."""
        position = waiting[0].position if waiting else None
        await parking.close_decision(
            connection, decision.decision_id, position, f"skipped {len(waiting[:1])} events"
        )
        if len(waiting) < 2:
            await parking.release(connection, waiting, decision.org_id, decision.sequence)
            return
        await parking.skip_first(connection, waiting, decision.sequence)
        await parking.decide(
            connection,
            decision.org_id,
            decision.sequence,
            "retry",
            "the event before was skipped",
            "subscription",
        )


def _may_pass(error: Exception) -> bool:
    """Whether nothing is wrong with the events: from where the checkpoints are, they may well be applied."""
    return is_transient(error) or isinstance(error, CheckpointsMoved)


def _is_too_much(error: Exception) -> bool:
    """Whether it took longer than a unit of work may: less of it may do."""
    return isinstance(error, (UnitExpired, asyncpg.QueryCanceledError))

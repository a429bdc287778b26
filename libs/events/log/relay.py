"""The relay carries the log into the stream, so that an event's position is its stream sequence.

It has no cursor of its own: the stream's last sequence is the cursor, and the server refuses whatever does
not follow it. So a second relay, a lost acknowledgement or a crash can neither double, drop nor reorder.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

import nats.errors
import structlog
from nats.aio.client import Client

from libs.chassis import tracing
from libs.chassis.clock import utc_now
from libs.chassis.leading import Leadership, backoff_seconds
from libs.chassis.sessions import Connection, is_transient
from libs.events import jetstream
from libs.events.log import measuring
from libs.events.log.keeper import Keeper, StreamTail, stream_tail
from libs.events.log.log import LogEntry, first_position_since, read_entries, read_head

POLL_SECONDS = 0.1
IDENTITY_CHECK_SECONDS = 10.0
# Under load a pause makes batches large, which is cheaper for everybody behind; alone, an event goes at once.
LINGER_EVENTS_MIN = 4
LINGER_SECONDS_PER_EVENT = 0.002
LINGER_SECONDS_MAX = 0.025

log = structlog.get_logger(__name__)


class StreamRefused(Exception):
    """The stream holds what the log does not: an operator must decide which of them is right."""


class PositionMismatch(Exception):
    """The stream gave an event another sequence than its position: never expected, never ignored."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Where the relay reads and writes. `stream_max_age` is how far back a new stream reaches;
    every `identity_check_seconds` stream and log are compared."""

    database_url: str
    nats_url: str
    stream_max_age: timedelta
    identity_check_seconds: float = IDENTITY_CHECK_SECONDS


class Relay:
    """Publishes the log. `run` leads when it can, and hands over by losing the lock or being cancelled.

    `connect` and `lead` say how broker and leader lock are reached.
    """

    def __init__(
        self,
        settings: RelaySettings,
        keeper: Keeper,
        connect: jetstream.Connect = jetstream.connect,
        lead: Callable[[str, str], Leadership] = Leadership,
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._connect = connect
        self._leadership = lead
        self._woken = asyncio.Event()
        self._tail: StreamTail | None = None
        self._has_published = False

    def wake(self) -> None:
        """Say that the log has grown; without it the relay looks every 100 ms."""
        self._woken.set()

    async def run(self) -> None:
        """Lead whenever the leader lock can be had, for ever; survives every outage."""
        failures = 0
        while True:
            try:
                async with self._leadership(self._settings.database_url, "milepost.relay") as leadership:
                    measuring.RELAY_LEADING.set(1)
                    await self._lead(leadership.connection)
            except Exception as error:
                if not _is_passing(error):
                    raise
                log.warning("relay_interrupted", error=f"{type(error).__name__}: {error}")
            finally:
                measuring.RELAY_LEADING.set(0)
            failures = 0 if self._has_published else failures + 1
            self._has_published = False
            await asyncio.sleep(backoff_seconds(failures))

    async def _lead(self, connection: Connection) -> None:
        async with jetstream.connected(self._settings.nats_url, "relay", self._connect) as client:
            await self._keeper_upholds(client)
            while True:
                position = await self._agreed_position(client, connection)
                await self._publish_from(client, connection, position)

    async def _keeper_upholds(self, client: Client) -> None:
        if await stream_tail(client) is not None:
            await self._keeper.uphold()

    async def _publish_from(self, client: Client, connection: Connection, position: int) -> None:
        """Publish everything after a position until it is time to compare identities again."""
        now = asyncio.get_running_loop().time
        until = now() + self._settings.identity_check_seconds
        while now() < until:
            self._woken.clear()
            entries = await read_entries(connection, position, jetstream.BATCH_EVENTS_MAX)
            if entries:
                try:
                    position = await self._publish(client, entries, position)
                except jetstream.ApiError as error:
                    if error.code != jetstream.WRONG_LAST_SEQUENCE:
                        raise
                    measuring.RELAY_FENCED.inc()
                    return
            else:
                _observe_lag(position, position, None)
            if len(entries) < jetstream.BATCH_EVENTS_MAX:
                await self._linger(len(entries))
                await self._wait_for_more()

    async def _publish(self, client: Client, entries: list[LogEntry], position: int) -> int:
        measuring.RELAY_BATCH_EVENTS.observe(len(entries))
        _observe_lag(entries[-1].position, position, entries[0].recorded_at)
        messages = [(entry.subject, entry.body) for entry in entries]
        with _span_of(entries):
            sequence = await jetstream.publish_batch(client, messages, position)
        if sequence != entries[-1].position:
            raise PositionMismatch(f"position {entries[-1].position} became sequence {sequence}")
        measuring.RELAYED.set(sequence)
        self._has_published = True
        return sequence

    async def _linger(self, events: int) -> None:
        if events >= LINGER_EVENTS_MIN:
            await asyncio.sleep(min(LINGER_SECONDS_MAX, LINGER_SECONDS_PER_EVENT * events))

    async def _wait_for_more(self) -> None:
        """Wait until this process has appended since the last read, or it is time to look for others' events."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _agreed_position(self, client: Client, connection: Connection) -> int:
        """Where the stream ends, once it is known to be a true copy of the log up to there."""
        tail = await stream_tail(client)
        if tail is None:
            await self._create_stream(connection)
            tail = await stream_tail(client)
            if tail is None:
                raise StreamRefused("the stream was created and is gone again")
        elif self._tail and (
            tail.created != self._tail.created or tail.last_sequence < self._tail.last_sequence
        ):
            measuring.STREAM_HEALED.labels("replaced").inc()
            log.warning(
                "stream_replaced", position_before=self._tail.last_sequence, position=tail.last_sequence
            )
        await self._compare(connection, tail)
        self._tail = tail
        return tail.last_sequence

    async def _create_stream(self, connection: Connection) -> None:
        oldest = utc_now() - self._settings.stream_max_age
        first = await first_position_since(connection, oldest)
        await self._keeper.create(first)
        measuring.STREAM_HEALED.labels("missing").inc()
        log.warning("stream_created", first_position=first)

    async def _compare(self, connection: Connection, tail: StreamTail) -> None:
        head = await read_head(connection)
        event_id = await connection.fetchval(
            "select event_id from events where position = $1", tail.last_sequence
        )
        diverged = tail.last_event_id is not None and tail.last_event_id != event_id
        refused = tail.last_sequence > head or diverged
        measuring.RELAY_REFUSED.set(int(refused))
        if refused:
            raise StreamRefused(
                f"the stream ends at {tail.last_sequence} with event {tail.last_event_id}, the log at {head} and has "
                f"{event_id} there: was the database restored from a backup? Nothing is relayed until an operator "
                'has decided: python -m services.projects adopt-log --reason "…", if the log is right '
                "(docs/operating.md, A stream ahead of the log)"
            )


def _is_passing(error: Exception) -> bool:
    """Whether leading anew may help: nothing here is given up, at most an operator is called."""
    return isinstance(
        error, (nats.errors.Error, jetstream.ApiError, StreamRefused, PositionMismatch)
    ) or is_transient(error)


def _span_of(entries: list[LogEntry]) -> AbstractContextManager[None]:
    if not tracing.is_collecting():
        return nullcontext()
    traces = tracing.distinct(entry.traceparent for entry in entries)
    attributes = jetstream.span_attributes("publish", "send", len(entries))
    return tracing.batch_span(f"publish {jetstream.STREAM}", "producer", traces, attributes)


def _observe_lag(head: int, position: int, oldest: datetime | None) -> None:
    measuring.LOG_HEAD.set(head)
    measuring.RELAY_LAG_EVENTS.set(head - position)
    measuring.RELAY_LAG_SECONDS.set((utc_now() - oldest).total_seconds() if oldest else 0)

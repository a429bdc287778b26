"""The relay beside nats-py's `publish_async`: the same events, in the same bytes, to the same stream."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import uvloop
from nats.aio.client import Client

from deploy.local.nats import EmbeddedNats
from libs.chassis.sessions import Connection
from libs.events import jetstream
from libs.events.log.keeper import Keeper, StreamSettings, stream_tail
from libs.events.log.log import LogEntry, read_entries
from libs.events.log.relay import Relay, RelaySettings
from tests.bench import filling
from tests.bench.arena import OURS, Arena, arena
from tests.bench.figures import Figure, Limit, Report, in_turn, ratios
from tests.bench.reconciling import NotReconciled
from tests.support.projects_database import PASSWORD, RELAY
from tests.support.servers import embedded_nats

POLL_SECONDS = 0.01
SECONDS_MAX = 120.0
IN_FLIGHT_MAX = 4_000
RELAY_SHARE_MIN = 0.7
GROUP = "events into the stream, from one process"


@dataclass
class Course:
    """The log that is to be carried, and the server whose stream it is carried to, anew each time."""

    here: Arena
    nats: EmbeddedNats
    entries: list[LogEntry]

    @property
    def relay_dsn(self) -> str:
        return self.here.databases[OURS].dsn(RELAY, PASSWORD)

    def relayed(self) -> float:
        """The relay as it runs: it reads the log, publishes batches behind a fence, and compares identities."""
        return self._anew(self._relay)

    def batched(self) -> float:
        """The relay's batches alone, of what is in memory."""
        return self._anew(self._batches)

    def published(self) -> float:
        """The peer: what is in memory, unfenced, thousands in flight."""
        return self._anew(self._publish)

    def _anew(self, carry: Callable[[Client, Keeper], Awaitable[float]]) -> float:
        """Carry everything to an empty stream; events a second."""
        self.nats.stop()
        self.nats.wipe()
        self.nats.start()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(self._timed(carry))

    async def _timed(self, carry: Callable[[Client, Keeper], Awaitable[float]]) -> float:
        keeper = Keeper(self.nats.url("keeper"), StreamSettings())
        client = await jetstream.connect(self.nats.url("relay"), "relay")
        try:
            await keeper.create(1)
            started = time.monotonic()
            ended = await carry(client, keeper)
            last = await _last_sequence(client)
        finally:
            await client.close()
        if last != len(self.entries):
            raise NotReconciled(f"{len(self.entries)} events were carried, the stream ends at {last}")
        return len(self.entries) / (ended - started)

    async def _relay(self, client: Client, keeper: Keeper) -> float:
        settings = RelaySettings(self.relay_dsn, self.nats.url("relay"), timedelta(days=30))
        running = asyncio.ensure_future(Relay(settings, keeper).run())
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while await _last_sequence(client) < len(self.entries):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
            return time.monotonic()
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def _batches(self, client: Client, keeper: Keeper) -> float:
        size = jetstream.BATCH_EVENTS_MAX
        for first in range(0, len(self.entries), size):
            messages = [(entry.subject, entry.body) for entry in self.entries[first : first + size]]
            await jetstream.publish_batch(client, messages, first)
        return time.monotonic()

    async def _publish(self, client: Client, keeper: Keeper) -> float:
        context = client.jetstream(publish_async_max_pending=IN_FLIGHT_MAX)
        for entry in self.entries:
            await context.publish_async(entry.subject, entry.body, wait_stall=SECONDS_MAX)
        async with asyncio.timeout(SECONDS_MAX):
            await context.publish_async_completed()
        return time.monotonic()


def measure(report: Report, rounds: int, events: int) -> None:
    with arena([OURS]) as here, embedded_nats() as nats:
        filling.fill(here.dsn(OURS), events)
        course = Course(here, nats, asyncio.run(_everything(here, events)))
        contestants = {
            "publish_async": course.published,
            "relay": course.relayed,
            "batches": course.batched,
        }
        rates = in_turn(contestants, rounds, report.say)
    bodies = sum(len(entry.body) for entry in course.entries) // events
    report.add(
        Figure(GROUP, "nats-py, publish_async", "/s", rates["publish_async"], beside=f"{bodies} bytes each"),
        Figure(GROUP, "the relay, from the log into the stream", "/s", rates["relay"]),
        Figure(GROUP, "its batches alone, from memory", "/s", rates["batches"]),
        Figure(
            GROUP,
            "relay ÷ publish_async",
            "",
            ratios(rates["relay"], rates["publish_async"]),
            Limit(at_least=RELAY_SHARE_MIN),
        ),
    )
    report.reconciled.append(f"relay: {events:,} events in the log, as many in the stream after every round")


async def _last_sequence(client: Client) -> int:
    tail = await stream_tail(client)
    return tail.last_sequence if tail else 0


async def _everything(here: Arena, events: int) -> list[LogEntry]:
    connection: Connection = await asyncpg.connect(here.databases[OURS].dsn(RELAY, PASSWORD))
    try:
        return await read_entries(connection, 0, events)
    finally:
        await connection.close()

"""The subscription: once, in order, whatever happens to the stream, the process or an event."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx2 as httpx
import pytest_asyncio
from starlette.applications import Starlette

from deploy.local.nats import EmbeddedNats
from libs.chassis.migrations import ROOT, migrate
from libs.chassis.postgres import Database
from libs.chassis.sessions import Connection
from libs.events import jetstream, parking
from libs.events.envelope import Event
from libs.events.feed import Feed
from libs.events.log.keeper import Keeper, StreamSettings
from libs.events.log.log import Log
from libs.events.log.relay import Relay, RelaySettings
from libs.events.portfolio import ProjectProposed
from libs.events.subscription import Subscription, SubscriptionSettings
from services.projects.api import log_feed
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.eventually import eventually
from tests.support.projects_database import PASSWORD, RELAY
from tests.support.recordings import ORGANIZATION, proposing

POISON = "poison"


@dataclass
class Witness:
    """A handler that writes down what it was given, and chokes on events of a certain name."""

    name: str = "witness"
    is_choosy: bool = True
    forgotten: int = 0

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        for envelope, data in events:
            if self.is_choosy and isinstance(data, ProjectProposed) and data.name == POISON:
                raise RuntimeError("this event can not be applied")
            await connection.execute(
                "insert into seen (position, stream, version) values ($1, $2, $3)",
                envelope.position,
                envelope.stream,
                envelope.version,
            )

    def forget(self) -> None:
        self.forgotten += 1


@dataclass
class World:
    """A log, a broker, and a consumer's database; relays and subscriptions are started at will."""

    log: Log
    nats: EmbeddedNats
    projects: FreshDatabase
    consumer: FreshDatabase
    database: Database
    feed: Feed
    witness: Witness = field(default_factory=Witness)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def relay(self, max_age: timedelta = timedelta(days=30)) -> None:
        settings = RelaySettings(self.projects.dsn(RELAY, PASSWORD), self.nats.url("relay"), max_age)
        self._start(Relay(settings, Keeper(self.nats.url("keeper"), StreamSettings())).run())

    def subscribe(self) -> "asyncio.Task[None]":
        settings = SubscriptionSettings("timeline", self.nats.url("timeline"), self.consumer.admin_dsn)
        return self._start(Subscription(settings, self.database, [self.witness], self.feed).run())

    def _start(self, running: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        self.tasks.append(asyncio.create_task(running))
        return self.tasks[-1]

    async def seen(self) -> list[int]:
        async with self.database.connection() as connection:
            return [
                row["position"] for row in await connection.fetch("select position from seen order by entry")
            ]

    async def expect_everything(self, seconds: float = 15, missing: Sequence[int] = ()) -> None:
        async def is_complete() -> None:
            expected = [
                position for position in range(1, await self.log.head() + 1) if position not in missing
            ]
            assert await self.seen() == expected

        await eventually(is_complete, seconds)


async def migrate_consumer(database: FreshDatabase) -> None:
    await migrate(database.admin_dsn, [ROOT / "libs/events/consumer_migrations"])
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(
        "create table seen (entry bigint generated always as identity, position bigint, stream text, version int)"
    )
    await connection.close()


@pytest_asyncio.fixture
async def world(
    log: Log,
    projects_database: FreshDatabase,
    fresh_database: FreshDatabaseFactory,
    disposable_nats: EmbeddedNats,
) -> AsyncIterator[World]:
    consumer = await fresh_database("consumer", migrate_consumer)
    database = await Database.connect(consumer.admin_dsn, application_name="consumer")
    app = Starlette(routes=log_feed.routes())
    app.state.log = log
    app.state.service_token_verifier = AnyService()
    async with Feed("http://projects", "token", httpx.ASGITransport(app)) as feed:
        made = World(log, disposable_nats, projects_database, consumer, database, feed)
        yield made
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)
    await database.close()


class AnyService:
    """Lets every caller of the feed in; who may call it is another test's matter."""

    def verify_header(self, authorization: str | None) -> None:
        return None


async def test_what_the_stream_holds_no_more_is_read_from_the_log_although_nothing_new_happens(
    world: World,
) -> None:
    await world.log.append([proposing() for _ in range(30)])
    world.relay(max_age=timedelta(microseconds=1))
    world.subscribe()
    await world.expect_everything()


async def test_every_event_is_applied_once_and_in_order(world: World) -> None:
    await world.log.append([proposing() for _ in range(30)])
    world.relay()
    world.subscribe()
    await world.expect_everything()
    for _ in range(10):
        await world.log.append([proposing(events=3)])
    await world.expect_everything()


async def test_a_subscription_started_anew_goes_on_at_its_checkpoint(world: World) -> None:
    world.relay()
    first = world.subscribe()
    await world.log.append([proposing() for _ in range(5)])
    await world.expect_everything()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await world.log.append([proposing() for _ in range(5)])
    world.subscribe()
    await world.expect_everything()


async def test_only_one_of_two_subscriptions_applies(world: World) -> None:
    world.relay()
    world.subscribe()
    world.subscribe()
    for _ in range(20):
        await world.log.append([proposing()])
    await world.expect_everything()


async def test_a_durable_deleted_while_in_use_is_made_anew(world: World) -> None:
    world.relay()
    world.subscribe()
    await world.log.append([proposing() for _ in range(5)])
    await world.expect_everything()
    client = await jetstream.connect(world.nats.url("timeline"), "timeline")
    await jetstream.request(client, "CONSUMER.DELETE.PROJECTS.timeline")
    await client.close()
    await world.log.append([proposing() for _ in range(5)])
    await world.expect_everything(30)


async def test_a_wiped_broker_loses_nothing_and_doubles_nothing(world: World) -> None:
    world.relay()
    world.subscribe()
    await world.log.append([proposing() for _ in range(20)])
    await world.expect_everything()
    await asyncio.to_thread(world.nats.kill)
    await world.log.append([proposing() for _ in range(20)])
    await asyncio.to_thread(world.nats.wipe)
    await asyncio.to_thread(world.nats.start)
    await world.expect_everything(40)


async def test_what_the_stream_no_longer_has_comes_from_the_log(world: World) -> None:
    await world.log.append([proposing() for _ in range(50)])
    await Keeper(world.nats.url("keeper"), StreamSettings()).create(first_position=41)
    client = await jetstream.connect(world.nats.url("relay"), "relay")
    entries = await world.log.read(40, 10)
    await jetstream.publish_batch(client, [(entry.subject, entry.body) for entry in entries], 40)
    await client.close()
    world.subscribe()
    await world.expect_everything()


async def test_garbage_in_the_stream_is_replaced_by_the_log(world: World) -> None:
    await world.log.append([proposing() for _ in range(3)])
    await Keeper(world.nats.url("keeper"), StreamSettings()).create(first_position=1)
    [first, _, third] = await world.log.read(0, 3)
    client = await jetstream.connect(world.nats.url("relay"), "relay")
    messages = [(first.subject, first.body), (first.subject, b"\xff garbage"), (third.subject, third.body)]
    await jetstream.publish_batch(client, messages, 0)
    await client.close()
    world.subscribe()
    await world.expect_everything()


async def test_a_poison_event_parks_its_project_and_no_other(world: World) -> None:
    sick, healthy = uuid4(), uuid4()
    world.relay()
    world.subscribe()
    await world.log.append(
        [
            proposing(healthy),
            proposing(sick, name=POISON),
            proposing(healthy, version=1),
            proposing(sick, version=1),
            proposing(healthy, version=2),
        ]
    )

    await world.expect_everything(20, missing=(2, 4))

    async with world.database.connection() as connection:
        [parked] = await parking.list_parked(connection)
    assert (parked.sequence, parked.position, parked.events) == (f"project-{sick}", 2, 2)
    assert "RuntimeError" in parked.detail


async def test_a_parked_project_is_retried_in_order(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(sick, name=POISON), proposing(sick, version=1), proposing()])
    await world.expect_everything(20, missing=(1, 2))

    world.witness.is_choosy = False
    await decide(world, sick, "retry")

    await eventually(lambda: _has_seen(world, [3, 1, 2]))
    await world.log.append([proposing(sick, version=2)])
    await eventually(lambda: _has_seen(world, [3, 1, 2, 4]))


async def test_a_poison_event_can_be_skipped_and_the_rest_goes_on(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(sick, name=POISON), proposing(sick, version=1), proposing()])
    await world.expect_everything(20, missing=(1, 2))

    await decide(world, sick, "skip")

    await eventually(lambda: _has_seen(world, [3, 2]))
    async with world.database.connection() as connection:
        assert await parking.skipped_positions(connection) == frozenset({1})
        assert await parking.list_parked(connection) == []


async def test_a_retry_that_fails_again_leaves_the_project_parked(world: World) -> None:
    sick = uuid4()
    world.relay()
    world.subscribe()
    await world.log.append([proposing(sick, name=POISON), proposing()])
    await world.expect_everything(20, missing=(1,))

    await decide(world, sick, "retry")

    async def is_carried_out() -> None:
        async with world.database.connection() as connection:
            result = await connection.fetchval("select result from parking_decisions")
            assert result is not None
            assert result.startswith("failed: RuntimeError")
            assert len(await parking.list_parked(connection)) == 1

    await eventually(is_carried_out)
    await world.log.append([proposing()])
    await world.expect_everything(20, missing=(1,))


async def decide(world: World, project_id: UUID, decision: str) -> None:
    async with world.database.connection() as connection:
        await parking.decide(
            connection, ORGANIZATION, f"project-{project_id}", decision, "mended", "operator"
        )


async def _has_seen(world: World, positions: Sequence[int]) -> None:
    assert await world.seen() == list(positions)

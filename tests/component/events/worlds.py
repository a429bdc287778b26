"""A log, a broker and a consumer that tests of the subscription start, stop and break at will."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import asyncpg
import httpx2 as httpx
import pytest_asyncio
from starlette.applications import Starlette

from deploy.local.nats import EmbeddedNats
from libs.chassis.migrations import ROOT, migrate
from libs.chassis.postgres import Database
from libs.chassis.sessions import Connection
from libs.events.envelope import Event
from libs.events.feed import Feed
from libs.events.log.adopting import compared
from libs.events.log.keeper import Keeper, StreamSettings
from libs.events.log.log import Log
from libs.events.log.relay import Relay, RelaySettings
from libs.events.portfolio import ProjectProposed
from libs.events.subscription import Subscription, SubscriptionSettings
from services.projects.api import log_feed
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.eventually import eventually
from tests.support.projects_database import PASSWORD, RELAY
from tests.support.recordings import proposing

POISON = "poison"


@dataclass
class Witness:
    """A handler that writes down what it was given, and chokes on events of a certain name."""

    name: str = "witness"
    is_choosy: bool = True
    poison: str = POISON
    forgotten: int = 0

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        for envelope, data in events:
            if self.is_choosy and isinstance(data, ProjectProposed) and data.name == self.poison:
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

    def subscribe(self, feed: Feed | None = None) -> "asyncio.Task[None]":
        settings = SubscriptionSettings("timeline", self.nats.url("timeline"), self.consumer.admin_dsn)
        return self._start(Subscription(settings, self.database, [self.witness], feed or self.feed).run())

    async def restore_the_log(self) -> "asyncio.Task[None]":
        """Of eight events that are applied the log keeps five, and ten others follow; the stream still has the eight.

        Returns the subscription.
        """
        self.relay()
        subscribed = self.subscribe()
        await self.log.append([proposing() for _ in range(8)])
        await self.expect_everything()
        await lose_what_followed(self.projects, 5)
        await self.log.append([proposing() for _ in range(10)])
        return subscribed

    async def make_the_stream_anew(self) -> None:
        """Have the relay publish the log there is now, from its first event."""
        keeper = Keeper(self.nats.url("keeper"), StreamSettings())
        await keeper.remove()
        await keeper.create(1)

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


async def lose_what_followed(projects: FreshDatabase, kept: int) -> None:
    """Make the log what it is after an older backup was restored."""
    connection = await asyncpg.connect(projects.admin_dsn)
    await connection.execute("delete from events where position > $1", kept)
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
    app.state.divergence = partial(
        compared, projects_database.dsn(RELAY, PASSWORD), disposable_nats.url("relay")
    )
    app.state.service_token_verifier = AnyService()
    async with Feed("http://projects", lambda: "token", httpx.ASGITransport(app)) as feed:
        made = World(log, disposable_nats, projects_database, consumer, database, feed)
        yield made
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)
    await database.close()


class AnyService:
    """Lets every caller of the feed in; who may call it is another test's matter."""

    async def identify(self, token: str) -> None:
        return None

"""Fixtures every test may use: real servers for the session, a fresh database and an empty stream for one test."""

import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator
from types import FrameType

import nats
import pytest
import pytest_asyncio
from hypothesis import settings

from deploy.local.nats import EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from tests.support.databases import Databases, FreshDatabase, FreshDatabaseFactory, Migrate
from tests.support.empty_stream import forget_stream
from tests.support.rounds import IS_LONG
from tests.support.servers import (
    NatsServer,
    embedded_nats,
    embedded_postgres,
    nats_for_session,
    postgres_for_session,
)


def pytest_configure() -> None:
    """A polite kill ends the session as Ctrl-C does, so that its servers are stopped; a long round tries more."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if IS_LONG:
        settings.register_profile("long", max_examples=800, deadline=None)
        settings.load_profile("long")
    signal.signal(signal.SIGTERM, interrupt)
    # In the background of a script Ctrl-C is ignored, here and in everything that tests start.
    signal.signal(signal.SIGINT, interrupt)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Of lanes that run side by side, one may have none of the tests that were chosen."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and "LANE" in os.environ:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="module", autouse=True)
def garbage_is_collected_where_it_was_made(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a module left open is told by its own tests, and as their filters say, not by whoever comes later."""
    yield
    if "unit" not in request.path.parts:  # These open nothing, and are many.
        gc.collect()


@pytest.fixture(scope="session")
def postgres_admin_dsn() -> Iterator[str]:
    """The administrator's DSN of the session's PostgreSQL 18."""
    with postgres_for_session() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """The session's NATS: `url(user)` for relay, keeper, timeline or notifications. Break a disposable one instead."""
    with nats_for_session() as server:
        yield server


@pytest_asyncio.fixture
async def fresh_nats(nats_server: NatsServer) -> NatsServer:
    """The session's NATS without a stream, as on a first start."""
    keeper = await nats.connect(nats_server.url("keeper"), inbox_prefix=b"_INBOX_keeper")
    await forget_stream(keeper)
    await keeper.close()
    return nats_server


@pytest.fixture
def disposable_postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of the test's own: kill(), start(), stop()."""
    with embedded_postgres() as server:
        yield server


@pytest.fixture
def disposable_nats() -> Iterator[EmbeddedNats]:
    """A NATS server of the test's own: kill(), wipe(), freeze(), start(), stop()."""
    with embedded_nats() as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def databases(postgres_admin_dsn: str) -> AsyncIterator[Databases]:
    """Makes databases from templates; for fixtures that keep one longer than a test."""
    databases = Databases(postgres_admin_dsn)
    yield databases
    await databases.drop_templates()


@pytest_asyncio.fixture
async def fresh_database(databases: Databases) -> AsyncIterator[FreshDatabaseFactory]:
    """`await fresh_database("timeline", migrate)`: a database of the test's own, dropped after it."""
    made: list[FreshDatabase] = []

    async def create(template_name: str, migrate: Migrate) -> FreshDatabase:
        made.append(await databases.fresh(template_name, migrate))
        return made[-1]

    yield create
    for database in made:
        await databases.drop(database)

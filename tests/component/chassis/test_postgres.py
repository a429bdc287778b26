"""The pool bounds everything and comes back by itself."""

import asyncio
import signal
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
import pytest
import pytest_asyncio

from deploy.local.postgres import EmbeddedPostgres
from libs.chassis.postgres import Connection, Database, PoolExhausted, UnitExpired, is_transient
from tests.support.databases import FreshDatabase
from tests.support.eventually import eventually
from tests.support.proof.proxy import Proxy, Weather


@pytest_asyncio.fixture
async def database(empty_database: FreshDatabase) -> AsyncIterator[Database]:
    database = await Database.connect(empty_database.admin_dsn, application_name="test", connections_max=2)
    yield database
    await database.close()


async def test_a_transaction_is_committed_at_its_end_and_rolled_back_by_an_error(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("create table facts (fact text)")
        await connection.execute("insert into facts values ('kept')")
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with database.transaction() as connection:
            await connection.execute("insert into facts values ('lost'); select 1 / 0")
    async with database.connection() as connection:
        assert [row["fact"] for row in await connection.fetch("select fact from facts")] == ["kept"]


async def test_a_session_has_its_bounds(database: Database) -> None:
    async with database.connection() as connection:
        settings = {
            name: await connection.fetchval(f"show {name}")
            for name in ("statement_timeout", "lock_timeout", "application_name", "timezone")
        }
    assert settings == {
        "statement_timeout": "3s",
        "lock_timeout": "1s",
        "application_name": "test",
        "timezone": "UTC",
    }


async def test_a_reading_transaction_sees_one_snapshot_and_writes_nothing(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("create table facts (fact text)")
    async with database.transaction(readonly=True) as reading:
        assert await reading.fetchval("select count(*) from facts") == 0
        async with database.transaction() as writing:
            await writing.execute("insert into facts values ('new')")
        assert await reading.fetchval("select count(*) from facts") == 0
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reading.execute("insert into facts values ('newer')")


async def test_a_unit_that_takes_too_long_is_ended_and_its_connection_cut(database: Database) -> None:
    with pytest.raises(UnitExpired) as expired:
        async with database.connection(seconds=0.1) as connection:
            await connection.fetchval("select pg_sleep(2)")
    assert is_transient(expired.value)
    async with database.connection() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_a_pool_without_a_free_connection_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.chassis.postgres.ACQUIRE_SECONDS", 0.1)
    async with database.connection(), database.connection():
        with pytest.raises(PoolExhausted) as exhausted:
            async with database.connection():
                pass
    assert is_transient(exhausted.value)


async def test_a_connection_that_takes_longer_to_open_than_somebody_waits_is_there_for_the_next(
    empty_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.chassis.postgres.ACQUIRE_SECONDS", 0.1)
    beyond = urlsplit(empty_database.admin_dsn)
    async with Proxy(beyond.port or 0).serving() as proxy:
        here = urlunsplit(
            beyond._replace(netloc=f"{beyond.username}:{beyond.password}@127.0.0.1:{proxy.port}")
        )
        database = await Database.connect(here, application_name="test")
        proxy.become(Weather(delay_seconds=0.1))
        try:
            async with database.connection():
                with pytest.raises(PoolExhausted):
                    async with database.connection():
                        pass
                await eventually(lambda: answers(database))
        finally:
            await database.close()


async def test_a_cancelled_unit_gives_its_connection_back(database: Database) -> None:
    async def waiting() -> None:
        async with database.connection() as connection:
            await connection.fetchval("select pg_sleep(2)")

    for _ in range(5):
        task = asyncio.create_task(waiting())
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with database.connection() as first, database.connection() as second:
        assert [await each.fetchval("select 1") for each in (first, second)] == [1, 1]


async def test_after_a_crash_of_the_server_units_succeed_again(
    disposable_postgres: EmbeddedPostgres,
) -> None:
    database = await Database.connect(disposable_postgres.dsn(), application_name="test")
    async with database.connection() as connection:
        await connection.fetchval("select 1")
    await asyncio.to_thread(disposable_postgres.kill)
    with pytest.raises(Exception) as down:
        async with database.connection() as connection:
            await connection.fetchval("select 1")
    assert is_transient(down.value)
    await asyncio.to_thread(disposable_postgres.start)
    await eventually(lambda: answers(database))
    assert await database.is_writable()
    await database.close()


async def test_a_frozen_backend_holds_nobody_longer_than_a_unit(database: Database) -> None:
    async with database.connection() as connection:
        backend = psutil.Process(connection.get_server_pid())
    backend.send_signal(signal.SIGSTOP)
    try:
        started = asyncio.get_running_loop().time()
        with pytest.raises(UnitExpired):
            async with database.connection(seconds=0.5) as connection:
                await connection.fetchval("select 1")
        assert asyncio.get_running_loop().time() - started < 1.4
    finally:
        backend.send_signal(signal.SIGCONT)
    await eventually(lambda: answers(database))


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_what_a_frozen_backend_does_not_roll_back_is_cut(
    database: Database, is_cancelled: bool
) -> None:
    async def transact() -> None:
        async with database.transaction(seconds=0.5) as connection:
            backend = psutil.Process(connection.get_server_pid())
            backend.send_signal(signal.SIGSTOP)
            frozen.set_result(backend)
            await connection.fetchval("select 1")

    frozen: asyncio.Future[psutil.Process] = asyncio.get_running_loop().create_future()
    transacting = asyncio.create_task(transact())
    backend = await frozen
    try:
        if is_cancelled:
            transacting.cancel()
        await asyncio.wait([transacting], timeout=10)
        assert transacting.done()
        if not is_cancelled:
            assert isinstance(transacting.exception(), UnitExpired)
        await eventually(lambda: answers(database))
    finally:
        backend.send_signal(signal.SIGCONT)
        await asyncio.wait([transacting])


async def test_connecting_waits_for_a_database_that_does_not_exist_yet(
    empty_database: FreshDatabase, postgres_admin_dsn: str
) -> None:
    late = empty_database.admin_dsn + "_late"
    connecting = asyncio.create_task(Database.connect(late, application_name="test"))
    admin = await asyncpg.connect(postgres_admin_dsn)
    await asyncio.wait([connecting], timeout=0.3)
    assert not connecting.done()
    await admin.execute(f'create database "{empty_database.name}_late"')
    database = await asyncio.wait_for(connecting, 10)
    await database.close()
    await admin.execute(f'drop database "{empty_database.name}_late" with (force)')
    await admin.close()


async def test_patience_ends_where_it_is_said_to() -> None:
    with pytest.raises(OSError):
        await Database.connect(
            "postgresql://a:b@127.0.0.1:1/x", application_name="test", patience_seconds=0.3
        )


async def test_a_malformed_dsn_is_not_waited_for(empty_database: FreshDatabase) -> None:
    with pytest.raises((ValueError, asyncpg.ClientConfigurationError)):
        await Database.connect(empty_database.admin_dsn + "?sslmode=nonsense", application_name="test")


async def answers(database: Database) -> None:
    try:
        async with database.connection(seconds=1) as connection:
            value = await select_one(connection)
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}") from error
    assert value == 1


async def select_one(connection: Connection) -> int | None:
    value: int | None = await connection.fetchval("select 1")
    return value


async def test_lending_a_connection_on_costs_no_round_trip(empty_database: FreshDatabase) -> None:
    database = await Database.connect(empty_database.admin_dsn, application_name="thrifty", connections_max=1)
    async with database.connection() as connection:
        await connection.fetchval("select 42")

    watcher = await asyncpg.connect(empty_database.admin_dsn)
    last = await watcher.fetchval("select query from pg_stat_activity where application_name = 'thrifty'")
    await watcher.close()
    await database.close()

    assert last == "select 42"

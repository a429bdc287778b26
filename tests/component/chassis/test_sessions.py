"""A transaction between two messages leaves nothing open, however its end goes."""

import asyncio
import signal
from collections.abc import AsyncIterator

import asyncpg
import psutil
import pytest
import pytest_asyncio

from libs.chassis.postgres import Database, UnitExpired
from libs.chassis.sessions import transaction_between
from tests.support.databases import FreshDatabase

WRITE = "insert into facts values ('written')"
FAILS = "select 1 / 0; commit"
TOO_SLOW = "set local statement_timeout = 50; select pg_sleep(30); commit"
NEVER_ENDS = "set local statement_timeout = 0; select pg_sleep(30); commit"


@pytest_asyncio.fixture
async def database(empty_database: FreshDatabase) -> AsyncIterator[Database]:
    """One connection, so that whoever comes next gets the same again."""
    database = await Database.connect(empty_database.admin_dsn, application_name="test", connections_max=1)
    async with database.connection() as connection:
        await connection.execute("create table facts (fact text)")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def complaints() -> AsyncIterator[list[object]]:
    """What the driver says where it is given a session back inside a transaction."""
    loop, told = asyncio.get_running_loop(), list[object]()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context))
    yield told
    loop.set_exception_handler(before)


@pytest.mark.parametrize(
    ("end", "error"),
    [(FAILS, asyncpg.DivisionByZeroError), (TOO_SLOW, asyncpg.QueryCanceledError), (NEVER_ENDS, UnitExpired)],
)
async def test_an_end_that_fails_or_takes_too_long_is_undone_before_its_session_is_lent_on(
    database: Database, complaints: list[object], end: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with (
            database.connection(seconds=0.5) as connection,
            transaction_between(connection, "begin", end),
        ):
            await connection.execute(WRITE)
    assert await left_behind(database) == (False, [])
    assert complaints == []


async def test_an_end_that_is_cancelled_is_undone_before_its_session_is_lent_on(
    database: Database, complaints: list[object]
) -> None:
    ending = asyncio.Event()
    transacting = asyncio.create_task(transact(database, ending))
    await ending.wait()
    await asyncio.wait([transacting], timeout=0.1)
    transacting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await transacting
    assert await left_behind(database) == (False, [])
    assert complaints == []


async def test_a_session_of_nobodys_pool_is_out_of_its_transaction_as_well(
    database: Database, empty_database: FreshDatabase
) -> None:
    connection = await asyncpg.connect(empty_database.admin_dsn)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with transaction_between(connection, "begin", FAILS):
            await connection.execute(WRITE)
    assert not connection.is_in_transaction()
    assert await connection.fetch("select from facts") == []
    await connection.close()


async def test_a_backend_that_freezes_before_the_end_is_lent_to_nobody(database: Database) -> None:
    ending, backend = asyncio.Event(), await backend_of(database)
    transacting = asyncio.create_task(transact(database, ending, backend))
    try:
        await ending.wait()
        await asyncio.wait([transacting], timeout=0.1)
        transacting.cancel()
        await asyncio.wait([transacting], timeout=10)
        assert transacting.cancelled()
        assert await left_behind(database) == (False, [])
    finally:
        backend.send_signal(signal.SIGCONT)


async def transact(database: Database, ending: asyncio.Event, freezing: psutil.Process | None = None) -> None:
    async with database.connection() as connection, transaction_between(connection, "begin", NEVER_ENDS):
        await connection.execute(WRITE)
        if freezing:
            freezing.send_signal(signal.SIGSTOP)
        ending.set()


async def backend_of(database: Database) -> psutil.Process:
    async with database.connection() as connection:
        return psutil.Process(connection.get_server_pid())


async def left_behind(database: Database) -> tuple[bool, list[str]]:
    """Whether the next borrower is inside a transaction, and what it sees."""
    async with database.connection() as connection:
        is_inside = connection.is_in_transaction()
        return is_inside, [row["fact"] for row in await connection.fetch("select fact from facts")]

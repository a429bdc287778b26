"""There is one leader at a time, and it stops at once when it is one no more."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from libs.chassis.postgres import Leadership, LeadershipLost
from tests.support.databases import FreshDatabase
from tests.support.eventually import eventually


@pytest_asyncio.fixture
async def observer(empty_database: FreshDatabase) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(empty_database.admin_dsn)
    yield connection
    await connection.close()


HOLDER = """
    select pid from pg_locks join pg_database on pg_database.oid = pg_locks.database
    where locktype = 'advisory' and granted and datname = current_database()
"""


async def test_a_second_replica_leads_only_after_the_first_has_left(empty_database: FreshDatabase) -> None:
    second_leads = asyncio.Event()

    async def lead_second() -> None:
        async with Leadership(empty_database.admin_dsn, "test", poll_seconds=0.02):
            second_leads.set()

    async with Leadership(empty_database.admin_dsn, "test", poll_seconds=0.02):
        second = asyncio.create_task(lead_second())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second_leads.wait(), 0.3)
    await asyncio.wait_for(second_leads.wait(), 5)
    await second


async def test_a_leader_whose_session_ends_is_stopped_at_once(
    empty_database: FreshDatabase, observer: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    was_stopped = False

    async def lead() -> None:
        nonlocal was_stopped
        async with Leadership(empty_database.admin_dsn, "test"):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                was_stopped = True
                raise

    leading = asyncio.create_task(lead())
    pid = await eventually(lambda: holder(observer))
    await observer.fetchval("select pg_terminate_backend($1)", pid)
    await asyncio.wait([leading], timeout=2)
    assert was_stopped
    with pytest.raises(LeadershipLost):
        await leading


async def test_cancelling_a_leader_is_not_mistaken_for_a_lost_lock(
    empty_database: FreshDatabase, observer: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def lead() -> None:
        async with Leadership(empty_database.admin_dsn, "test"):
            await asyncio.Event().wait()

    leading = asyncio.create_task(lead())
    await eventually(lambda: holder(observer))
    leading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leading
    assert await observer.fetchval(HOLDER) is None


async def test_the_leader_works_on_a_session_of_its_own_while_the_lock_beats(
    empty_database: FreshDatabase,
) -> None:
    async with Leadership(empty_database.admin_dsn, "test") as leadership:
        await leadership.connection.fetchval("select pg_sleep(1.5)")
        assert await leadership.connection.fetchval("select 1") == 1


async def holder(observer: "asyncpg.Connection[asyncpg.Record]") -> int:
    pid: int | None = await observer.fetchval(HOLDER)
    assert pid is not None
    return pid

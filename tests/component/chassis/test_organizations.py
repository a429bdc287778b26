"""A transaction shows the rows of one organization; what it was told is gone when the connection is lent on."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import psutil
import pytest
import pytest_asyncio

from libs.chassis import walls
from libs.chassis.load_shedding import POOL_PATIENCE_SECONDS, ReadShares, TooManyReads
from libs.chassis.migrations import MigrationsPending, quoted
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database, UnitExpired, is_transient
from libs.chassis.walls import Roles, UnfitRole
from tests.support.databases import FreshDatabase

ONE, OTHER = UUID(int=1), UUID(int=2)
ALL = "select org_id from facts order by org_id"
SEEN = "select current_setting('app.organization', true)"


@dataclass
class World:
    """A database with two organizations' facts, and one connection of the role that serves them."""

    fresh: FreshDatabase
    roles: Roles
    serving: Database
    organizations: Organizations

    async def administrate(self, statement: str) -> None:
        connection = await asyncpg.connect(self.fresh.admin_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def unscoped(self, statement: str) -> list[object]:
        async with self.organizations.nobody() as connection:
            return [row[0] for row in await connection.fetch(statement)]


@pytest_asyncio.fixture
async def world(empty_database: FreshDatabase) -> AsyncIterator[World]:
    roles = Roles(*(f"{empty_database.name}_{each}" for each in ("owner", "internal", "serving")))
    admin = await asyncpg.connect(empty_database.admin_dsn)
    await admin.execute(f"""
        create role {roles.owner} nologin;
        create role {roles.internal} login password 'x';
        create role {roles.serving} login password 'x';
        grant create on schema public to {roles.owner};
        grant create on database "{empty_database.name}" to {roles.owner};
        set role {roles.owner};
        create table facts (org_id uuid not null, fact text not null, primary key (org_id, fact));
        create view told with (security_invoker = true) as select * from facts;
        grant select, insert, update, delete on facts, told to {roles.serving}, {roles.internal};
        insert into facts values ('{ONE}', 'mine'), ('{OTHER}', 'theirs');
    """)
    await walls.raise_walls(admin, roles)
    serving = await Database.connect(
        empty_database.dsn(roles.serving, "x"), application_name="test", connections_max=1
    )
    yield World(empty_database, roles, serving, Organizations(serving))
    await serving.close()
    await admin.execute("reset role")
    for role in (roles.serving, roles.internal, roles.owner):
        await admin.execute(f"drop owned by {quoted(role)} cascade; drop role {quoted(role)}")
    await admin.close()


async def test_a_statement_that_forgot_its_organization_shows_one_all_the_same(world: World) -> None:
    async with world.organizations.transaction(ONE, readonly=True) as connection:
        assert [row[0] for row in await connection.fetch(ALL)] == [ONE]
        assert [row[0] for row in await connection.fetch("select org_id from told")] == [ONE]
        assert await connection.fetch("select from facts where org_id = $1", OTHER) == []


async def test_without_an_organization_there_are_no_rows_and_no_error(world: World) -> None:
    assert await world.unscoped(ALL) == []
    async with world.organizations.transaction(ONE) as connection:
        await connection.fetch(ALL)
    assert await world.unscoped(ALL) == [], "and none on a connection that had one before"


async def test_what_a_transaction_was_told_is_gone_for_the_next_borrower(world: World) -> None:
    async with world.organizations.transaction(ONE) as connection:
        pid = connection.get_server_pid()
        assert await connection.fetchval(SEEN) == str(ONE)
    with pytest.raises(RuntimeError):
        async with world.organizations.transaction(OTHER):
            raise RuntimeError
    assert await world.unscoped(SEEN) == [""]
    assert await world.unscoped("select pg_backend_pid()") == [pid]


async def test_a_cancelled_transaction_leaves_nothing_behind(world: World) -> None:
    entered = asyncio.Event()

    async def wait() -> None:
        async with world.organizations.transaction(ONE) as connection:
            entered.set()
            await connection.execute("select pg_sleep(30)")

    task = asyncio.create_task(wait())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await world.unscoped(SEEN) == [""]
    assert await world.unscoped(ALL) == []


async def test_a_savepoint_that_is_rolled_back_brings_the_organization_back(world: World) -> None:
    async with world.organizations.transaction(ONE) as connection:
        await connection.execute(f"savepoint before; set local app.organization = '{OTHER}'")
        assert [row[0] for row in await connection.fetch(ALL)] == [OTHER]
        await connection.execute("rollback to savepoint before")
        assert [row[0] for row in await connection.fetch(ALL)] == [ONE]


async def test_nobody_writes_into_another_organization(world: World) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.organizations.transaction(ONE) as connection:
            await connection.execute("insert into facts values ($1, 'planted')", OTHER)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.organizations.transaction(ONE) as connection:
            await connection.execute("update facts set org_id = $1", OTHER)
    async with world.organizations.transaction(ONE) as connection:
        assert await connection.execute("delete from facts where org_id = $1", OTHER) == "DELETE 0"


async def test_work_is_kept_at_the_end_and_undone_by_an_error(world: World) -> None:
    async with world.organizations.transaction(ONE) as connection:
        await connection.execute("insert into facts values ($1, 'kept')", ONE)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: complaints.append(told))
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with world.organizations.transaction(ONE) as connection:
            await connection.execute(f"insert into facts values ('{ONE}', 'lost'); select 1 / 0")
    assert complaints == [], (
        "it is rolled back here, not by the driver that gets a connection back in a transaction"
    )
    async with world.organizations.transaction(ONE, readonly=True) as connection:
        facts = await connection.fetch("select fact from facts order by 1")
        assert [row[0] for row in facts] == ["kept", "mine"]
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("delete from facts")


async def test_only_a_uuid_names_an_organization(world: World) -> None:
    hostile = f"{ONE}'; set session app.organization = '{OTHER}"
    with pytest.raises(TypeError):
        async with world.organizations.transaction(hostile):  # type: ignore[arg-type]
            pass
    assert await world.unscoped(ALL) == []


async def test_a_frozen_backend_holds_a_transaction_no_longer_than_its_unit(world: World) -> None:
    (pid,) = await world.unscoped("select pg_backend_pid()")
    backend = psutil.Process(int(str(pid)))
    began = asyncio.get_running_loop().time()
    try:
        with pytest.raises(UnitExpired):
            await asked_while_frozen(world, backend)
    finally:
        backend.send_signal(signal.SIGCONT)
    assert asyncio.get_running_loop().time() - began < 15


async def test_a_role_above_the_wall_is_not_let_serve(world: World) -> None:
    await walls.check_walls(world.serving)
    for above in (world.roles.internal, world.roles.owner):
        await world.administrate(f"grant {above} to {world.roles.serving}")
        with pytest.raises(UnfitRole):
            await walls.check_walls(world.serving)
        await world.administrate(f"revoke {above} from {world.roles.serving}")
    await world.administrate(f"alter role {world.roles.serving} bypassrls")
    with pytest.raises(UnfitRole):
        await walls.check_walls(world.serving)


async def test_a_table_without_its_wall_is_waited_for_once_there_is_a_way_to_it_and_then_walled(
    world: World,
) -> None:
    await world.administrate(f"""
        set role {world.roles.owner};
        create schema later;
        create table later.facts (org_id uuid primary key);
    """)
    # Nobody but the owner has a way to it yet.
    await walls.check_walls(world.serving)
    await world.administrate(f"grant usage on schema later to {world.roles.serving}")
    with pytest.raises(MigrationsPending, match=r"later\.facts"):
        await walls.check_walls(world.serving)
    await walls.migrate_walls(world.fresh.admin_dsn, world.roles)
    await walls.check_walls(world.serving)


async def asked_while_frozen(world: World, backend: psutil.Process) -> None:
    async with world.organizations.transaction(ONE) as connection:
        backend.send_signal(signal.SIGSTOP)
        await connection.fetchval("select 1")


async def test_who_reads_all_they_may_waits_for_themselves_and_keeps_nobody_else_waiting(
    world: World,
) -> None:
    dsn = world.fresh.dsn(world.roles.serving, "x")
    serving = await Database.connect(dsn, application_name="test", connections_max=3)
    organizations = Organizations(serving, reads_max=2)
    patience = POOL_PATIENCE_SECONDS.set(0.1)
    async with organizations.transaction(ONE, readonly=True):
        async with organizations.transaction(ONE, readonly=True):
            with pytest.raises(TooManyReads) as refused:
                async with organizations.transaction(ONE, readonly=True):
                    pass
            async with organizations.transaction(OTHER, readonly=True) as connection:
                assert [row[0] for row in await connection.fetch(ALL)] == [OTHER]
            async with organizations.transaction(ONE) as connection:
                assert [row[0] for row in await connection.fetch(ALL)] == [ONE]
        async with organizations.transaction(ONE, readonly=True) as connection:
            assert [row[0] for row in await connection.fetch(ALL)] == [ONE]
    POOL_PATIENCE_SECONDS.reset(patience)
    assert is_transient(refused.value)
    await serving.close()


async def test_a_read_that_was_waited_for_gives_its_turn_to_the_next_whatever_became_of_others(
    world: World,
) -> None:
    shares = ReadShares(1)
    order: list[int] = []

    async def read(number: int, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds), shares.turn(ONE):
            order.append(number)

    async with shares.turn(ONE):
        reading = [asyncio.create_task(read(number)) for number in range(3)]
        with pytest.raises(TimeoutError):
            await read(3, seconds=0.01)
        reading[1].cancel()
        await asyncio.wait([reading[1]])
        assert order == []
    await asyncio.gather(*reading, return_exceptions=True)
    await read(4)
    assert order == [0, 2, 4]

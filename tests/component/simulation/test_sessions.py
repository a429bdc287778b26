"""Transactions, locks and leadership, the same over PostgreSQL and over its simulation."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.chassis.leading import Leadership, LeadershipLost
from libs.chassis.migrations import ROOT, migrate
from libs.chassis.postgres import Database, is_transient
from libs.events import consuming
from tests.component.simulation.playing import simulated
from tests.simulation import databases
from tests.simulation.network import Network
from tests.simulation.postgres.server import SimulatedPostgres
from tests.support.databases import FreshDatabase, FreshDatabaseFactory

WRITE = (
    "insert into attempts (position, count) values ($1, $2)"
    " on conflict (position) do update set count = excluded.count"
)
READ = "select position, count from attempts where position = any($1) order by position"
CHANGE = "update attempts set count = count + 1 where position = $1"
HOLD = "select position, count from attempts where position = $1 for update"
Connect = Callable[..., Awaitable[Any]]
Scene = Callable[[Database, Connect], Awaitable[Any]]


async def _counts(database: Database) -> list[tuple[int, int]]:
    async with database.connection() as connection:
        return [(row["position"], row["count"]) for row in await connection.fetch(READ, list(range(9)))]


async def what_is_not_committed_is_seen_by_nobody_else(database: Database, connect: Connect) -> Any:
    told = []
    async with database.transaction() as connection:
        await connection.execute(WRITE, 1, 5)
        told.append([tuple(row) for row in await connection.fetch(READ, [1])])
        told.append(await _counts(database))
    told.append(await _counts(database))
    return told


async def what_is_rolled_back_never_was(database: Database, connect: Connect) -> Any:
    async def unit() -> None:
        async with database.transaction() as connection:
            await connection.execute(WRITE, 1, 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await unit()
    return await _counts(database)


async def a_second_writer_waits_and_sees_what_the_first_wrote(database: Database, connect: Connect) -> Any:
    async with database.connection() as connection:
        await connection.execute(WRITE, 1, 0)
    holds = asyncio.Event()
    told: list[Any] = []

    async def second() -> None:
        await holds.wait()
        async with database.transaction() as connection:
            told.append([tuple(row) for row in await connection.fetch(HOLD, 1)])
            await connection.execute(CHANGE, 1)

    waiting = asyncio.create_task(second())
    async with database.transaction() as connection:
        await connection.execute(CHANGE, 1)
        holds.set()
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        told.append(bool(done))
    await waiting
    return [*told, await _counts(database)]


async def whoever_waits_too_long_for_a_row_is_told(database: Database, connect: Connect) -> Any:
    async with database.transaction() as connection:
        await connection.execute(WRITE, 1, 0)
        try:
            async with database.transaction() as another:
                await another.execute(WRITE, 1, 7)
        except asyncpg.LockNotAvailableError as error:
            return is_transient(error)
    return None


async def an_insert_waits_for_another_of_the_same_key(database: Database, connect: Connect) -> Any:
    inserted = asyncio.Event()
    statement = "insert into attempts (position, count) values ($1, $2) on conflict (position) do nothing"

    async def second() -> None:
        await inserted.wait()
        async with database.connection() as connection:
            await connection.execute(statement, 3, 9)

    waiting = asyncio.create_task(second())
    async with database.transaction() as connection:
        await connection.execute(statement, 3, 1)
        inserted.set()
        await asyncio.wait([waiting], timeout=0.2)
    await waiting
    return await _counts(database)


async def checkpoints_move_only_from_where_they_were_left(database: Database, connect: Connect) -> Any:
    async with database.transaction() as connection:
        left = await consuming.lock_checkpoints(connection, ["one", "other"])
    event_id = UUID("0198a000-0000-7000-8000-000000000001")

    async def step(number: int, checkpoints: consuming.Checkpoints) -> Any:
        target = consuming.Position(number, event_id)
        async with database.connection() as connection, consuming.step(connection, checkpoints, target):
            await connection.execute(WRITE, number, number)
        return consuming.moved(checkpoints, target)

    after = await step(3, left)
    with pytest.raises(consuming.CheckpointsMoved):
        await step(4, left)
    after = await step(5, after)
    async with database.transaction() as connection:
        return await _counts(database), after == await consuming.lock_checkpoints(
            connection, ["one", "other"]
        )


async def one_leads_and_then_the_other(database: Database, connect: Connect) -> Any:
    told: list[str] = []

    async def lead(name: str) -> None:
        async with Leadership("dsn", "contract", poll_seconds=0.05, connect=connect) as leadership:
            told.append(f"{name} leads")
            await leadership.connection.fetchval("select 1")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.3)
            told.append(f"{name} leaves")

    first = asyncio.create_task(lead("first"))
    await asyncio.wait([first], timeout=0.2)
    await asyncio.gather(first, lead("second"))
    return told


async def a_leader_whose_session_ends_leads_no_more(database: Database, connect: Connect) -> Any:
    sessions: list[Any] = []

    async def remembered(dsn: str, **options: Any) -> Any:
        sessions.append(await connect(dsn, **options))
        return sessions[-1]

    try:
        async with Leadership("dsn", "contract", connect=remembered):
            sessions[0].terminate()
            await asyncio.Event().wait()
    except LeadershipLost as error:
        return is_transient(error), [session.is_closed() for session in sessions]


SCENES: tuple[Scene, ...] = (
    what_is_not_committed_is_seen_by_nobody_else,
    what_is_rolled_back_never_was,
    a_second_writer_waits_and_sees_what_the_first_wrote,
    whoever_waits_too_long_for_a_row_is_told,
    an_insert_waits_for_another_of_the_same_key,
    checkpoints_move_only_from_where_they_were_left,
    one_leads_and_then_the_other,
    a_leader_whose_session_ends_leads_no_more,
)


async def migrate_consumer(database: FreshDatabase) -> None:
    await migrate(database.admin_dsn, [ROOT / "libs/events/consumer_migrations"])


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_sessions_behave_as_those_of_postgres(
    fresh_database: FreshDatabaseFactory, scene: Scene
) -> None:
    fresh = await fresh_database("simulated consumer", migrate_consumer)
    database = await Database.connect(fresh.admin_dsn, application_name="contract")

    async def connect(dsn: str, **options: Any) -> Any:
        return await partial(asyncpg.connect, fresh.admin_dsn)(**options)

    async def act(network: Network) -> Any:
        server = SimulatedPostgres(network, "database", databases.timeline())
        return await scene(server.pool(5), server.connect)

    real = await scene(database, connect)
    await database.close()

    assert real is not None
    assert await simulated(act) == real

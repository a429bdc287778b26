"""Applying: what a batch changes and the checkpoints move together, once, whoever else applies beside it."""

from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
import pytest_asyncio

from libs.chassis.postgres import Database
from libs.events.applying import Application
from libs.events.consuming import CheckpointsMoved, Position
from libs.events.envelope import Envelope
from libs.events.portfolio import ProjectProposed
from libs.events.writing import Write, write_together, writes
from tests.component.events.worlds import Witness, migrate_consumer
from tests.support.databases import FreshDatabaseFactory
from tests.support.history import History


@pytest_asyncio.fixture
async def database(fresh_database: FreshDatabaseFactory) -> AsyncIterator[Database]:
    consumer = await fresh_database("consumer", migrate_consumer)
    opened = await Database.connect(consumer.admin_dsn, application_name="consumer")
    yield opened
    await opened.close()


def proposals(count: int) -> list[Envelope]:
    history = History()
    for number in range(count):
        project_id = uuid4()
        history.record("project", project_id, ProjectProposed(project_id=project_id, name=f"{number}"))
    return [event.envelope for event in history.events]


async def seen(database: Database) -> list[int]:
    async with database.connection() as connection:
        return [row["position"] for row in await connection.fetch("select position from seen order by entry")]


async def checkpoint(database: Database) -> Position:
    async with database.connection() as connection:
        return Position(*await connection.fetchrow("select position, event_id from checkpoints") or (0, None))


async def applying(database: Database) -> Application:
    application = Application(database, [Witness()], lambda position: None)
    await application.resume()
    return application


async def test_a_batch_moves_the_checkpoint_to_its_last_event(database: Database) -> None:
    events = proposals(7)
    application = await applying(database)
    await application.apply(events[:3])
    await application.apply(events[3:])
    assert await seen(database) == [1, 2, 3, 4, 5, 6, 7]
    assert await checkpoint(database) == application.position == Position(7, events[6].event_id)


async def test_who_was_overtaken_applies_nothing_again(database: Database) -> None:
    events = proposals(6)
    overtaken, other = await applying(database), await applying(database)
    await other.apply(events[:4])
    with pytest.raises(CheckpointsMoved):
        await overtaken.apply(events[:4])
    await overtaken.resume()
    await overtaken.apply(events[4:])
    assert await seen(database) == [1, 2, 3, 4, 5, 6]


async def test_a_handler_that_is_ahead_of_others_is_given_nothing_twice(database: Database) -> None:
    events = proposals(5)
    await (await applying(database)).apply(events[:3])
    together = Application(database, [Witness(), Witness("newcomer")], lambda position: None)
    await together.resume()
    assert together.position == Position(0, None)
    await together.apply(events)
    assert sorted(await seen(database)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert await checkpoint(database) == Position(5, events[4].event_id)


async def test_what_handlers_leave_to_write_is_written_as_one(database: Database) -> None:
    add = "insert into seen (position, stream) select * from unnest($1::bigint[], $2::text[])"
    rename = "update seen set stream = $2 where position = $1"
    rows: Sequence[tuple[int, str]] = [(1, "first"), (2, "second")]
    async with database.connection() as connection:
        await write_together(connection, writes(add, rows))
        await write_together(
            connection, [*writes(add, [(3, "third")]), Write(rename, (1, "renamed")), *writes(add, [])]
        )
        found = await connection.fetch("select position, stream from seen order by position")
    assert [tuple(row) for row in found] == [(1, "renamed"), (2, "second"), (3, "third")]

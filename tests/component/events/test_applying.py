"""Applying: what a batch changes and the checkpoints move together, once, whoever else applies beside it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from libs.chassis.postgres import Connection, Database
from libs.events import parking
from libs.events.applying import Application
from libs.events.consuming import CheckpointsMoved, Position
from libs.events.envelope import Event
from libs.events.writing import Write, write_together, writes
from tests.component.events.consumer import applying, decided, of_a_sick_project, proposals, seen
from tests.component.events.worlds import Witness


async def checkpoint(database: Database) -> Position:
    async with database.connection() as connection:
        return Position(*await connection.fetchrow("select position, event_id from checkpoints") or (0, None))


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


async def test_one_bad_event_does_not_have_the_others_of_its_batch_applied_one_at_a_time(
    database: Database,
) -> None:
    before, sick, behind = proposals(300), of_a_sick_project(), proposals(200)
    events = [
        replace(envelope, position=position)
        for position, envelope in enumerate([*before, *sick, *behind], start=1)
    ]
    told: list[int] = []
    application = Application(database, [Witness()], told.append)
    await application.resume()
    await application.apply(events)
    assert await seen(database) == [each for each in range(1, 505) if each not in (302, 303)]
    assert application.position == Position(504, events[-1].event_id)
    # Each commit and each return to the checkpoint is told: some for every halving and every attempt.
    assert len(told) < 40


class Burdened(Witness):
    """Takes a fifth of a second for each event, and has half a second."""

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        await connection.execute("set local statement_timeout to 500")
        await connection.execute("select pg_sleep($1)", 0.2 * len(events))
        await super().apply(connection, events)


async def test_a_batch_that_takes_too_long_is_applied_in_parts(database: Database) -> None:
    application = Application(database, [Burdened()], lambda position: None)
    await application.resume()
    await application.apply(proposals(4))
    assert await seen(database) == [1, 2, 3, 4]


async def test_who_was_overtaken_carries_out_no_decision(database: Database) -> None:
    events = of_a_sick_project()
    overtaken = await applying(database)
    await overtaken.apply(events[:3])
    await (await applying(database)).apply(events[3:])
    with pytest.raises(CheckpointsMoved):
        await decided(database, overtaken, "skip")
    assert await seen(database) == [1, 4]
    await (await applying(database)).carry_out_decisions()
    async with database.connection() as connection:
        assert await parking.skipped_positions(connection) == {2}


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

"""Applying: what a batch changes and the checkpoints move together, once, whoever else applies beside it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
import pytest_asyncio

from libs.chassis.postgres import Connection, Database
from libs.events import parking
from libs.events.applying import Application
from libs.events.consuming import CheckpointsMoved, Position
from libs.events.envelope import Envelope, Event
from libs.events.portfolio import ProjectProposed
from libs.events.writing import Write, write_together, writes
from tests.component.events.worlds import POISON, Witness, migrate_consumer
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


def of_a_sick_project() -> list[Envelope]:
    """Its second event can not be applied; the last event is another project's."""
    history = History()
    sick = uuid4()
    for name in ("well", POISON, "after that"):
        history.record("project", sick, ProjectProposed(project_id=sick, name=name))
    other = uuid4()
    history.record("project", other, ProjectProposed(project_id=other, name="other"))
    return [event.envelope for event in history.events]


async def with_a_newcomer(database: Database, *, is_choosy: bool = False) -> Application:
    """The witness where it was, and beside it a handler that begins at the first event."""
    handlers = [Witness(is_choosy=is_choosy), Witness("newcomer", is_choosy)]
    application = Application(database, handlers, lambda position: None)
    await application.resume()
    return application


async def decided(database: Database, application: Application, decision: str) -> None:
    async with database.connection() as connection:
        [parked] = await parking.list_parked(connection)
        await parking.decide(connection, parked.org_id, parked.sequence, decision, "mended", "operator")
    await application.carry_out_decisions()


async def test_a_handler_that_begins_again_reads_a_parked_project_up_to_where_it_was_parked(
    database: Database,
) -> None:
    events = of_a_sick_project()
    await (await applying(database)).apply(events)
    assert await seen(database) == [1, 4]
    await (await with_a_newcomer(database, is_choosy=True)).apply(events)
    assert await seen(database) == [1, 4, 1, 4]
    await decided(database, await with_a_newcomer(database), "retry")
    assert await seen(database) == [1, 4, 1, 4, 2, 3, 2, 3]


async def test_what_is_retried_is_given_to_those_that_have_passed_it(database: Database) -> None:
    events = of_a_sick_project()
    await (await applying(database)).apply(events)
    application = await with_a_newcomer(database)
    await decided(database, application, "retry")
    assert await seen(database) == [1, 4, 2, 3]
    await application.apply(events)
    assert await seen(database) == [1, 4, 2, 3, 1, 2, 3, 4]


async def test_what_was_skipped_stays_out_for_those_that_come_to_it_later(database: Database) -> None:
    events = of_a_sick_project()
    await (await applying(database)).apply(events)
    await decided(database, await applying(database), "skip")
    application = await with_a_newcomer(database, is_choosy=True)
    await application.carry_out_decisions()
    assert await seen(database) == [1, 4, 3]
    await application.apply(events)
    assert await seen(database) == [1, 4, 3, 1, 3, 4]


async def test_of_two_parked_projects_each_is_skipped_at_its_own_event(database: Database) -> None:
    """Something moved from one to the other before that was parked: it goes on with the first, and is left in."""
    history, first, second, moved = History(), uuid4(), uuid4(), uuid4()
    for project_id, name in (
        (first, POISON),
        (moved, "in the first"),
        (moved, "in the second"),
        (second, POISON),
    ):
        history.record("project", project_id, ProjectProposed(project_id=project_id, name=name))
    events = [event.envelope for event in history.events]
    events[1:3] = [replace(events[1], project_id=first), replace(events[2], project_id=second)]
    application = await applying(database)
    await application.apply(events)
    assert await seen(database) == []
    for sequence in (f"project-{first}", f"project-{second}"):
        async with database.connection() as connection:
            await parking.decide(connection, events[0].org_id, sequence, "skip", "spoiled", "operator")
        for _ in range(2):
            application = await applying(database)
            await application.carry_out_decisions()
    assert await seen(database) == [2, 3]
    async with database.connection() as connection:
        assert await parking.skipped_positions(connection) == {1, 4}
        assert await parking.list_parked(connection) == []


async def test_a_handler_that_begins_again_and_fails_earlier_than_others_reads_no_further(
    database: Database,
) -> None:
    history, sick, other = History(), uuid4(), uuid4()
    for project_id, name in ((sick, "odd"), (sick, "well"), (sick, POISON), (other, "other")):
        history.record("project", project_id, ProjectProposed(project_id=project_id, name=name))
    events = [event.envelope for event in history.events]
    await (await applying(database)).apply(events)
    assert await seen(database) == [1, 2, 4]
    application = Application(database, [Witness(), Witness("newcomer", poison="odd")], lambda position: None)
    await application.resume()
    await application.apply(events)
    assert await seen(database) == [1, 2, 4, 4]
    async with database.connection() as connection:
        [parked] = await parking.list_parked(connection)
    assert (parked.position, parked.events) == (1, 3)


async def test_what_stays_parked_of_a_stream_waits_from_its_first_event_that_still_does(
    database: Database,
) -> None:
    history, first, second, moved = History(), uuid4(), uuid4(), uuid4()
    for project_id, name in ((first, POISON), (moved, "in the first"), (second, POISON), (moved, "later")):
        history.record("project", project_id, ProjectProposed(project_id=project_id, name=name))
    events = [event.envelope for event in history.events]
    events[1], events[3] = replace(events[1], project_id=first), replace(events[3], project_id=second)
    await (await applying(database)).apply(events)
    async with database.connection() as connection:
        await parking.decide(connection, events[0].org_id, f"project-{first}", "retry", "mended", "operator")
    mended = Application(database, [Witness(is_choosy=False)], lambda position: None)
    await mended.resume()
    await mended.carry_out_decisions()
    assert await seen(database) == [1, 2]
    async with database.connection() as connection:
        assert (
            await connection.fetchval(
                "select position from parked_sequences where sequence = $1", f"project-{moved}"
            )
            == 4
        )


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


async def decisions(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("select count(*) from parking_decisions"))


async def test_what_nobody_knows_yet_is_tried_once_by_each_program_that_starts(database: Database) -> None:
    newer, other = proposals(2)
    await (await applying(database)).apply([replace(newer, schema_version=9), other])
    assert await seen(database) == [2]
    for programs in (1, 2):
        program = await applying(database)
        await program.retry_what_waited_for_a_deploy()
        await program.carry_out_decisions()
        # It leads again, as after every outage of the broker.
        await program.retry_what_waited_for_a_deploy()
        assert await decisions(database) == programs
    async with database.connection() as connection:
        [parked] = await parking.list_parked(connection)
    assert (parked.code, parked.position) == ("unknown_event", 1)


async def test_what_another_program_tried_and_did_not_know_is_tried_again_by_a_newer_one(
    database: Database,
) -> None:
    [unknown] = proposals(1)
    older, newer = await applying(database), await applying(database)
    await older.apply([replace(unknown, schema_version=9)])
    await newer.resume()
    await newer.retry_what_waited_for_a_deploy()
    # It leads no more before it has tried.
    await older.carry_out_decisions()
    await newer.resume()
    await newer.retry_what_waited_for_a_deploy()
    assert await decisions(database) == 2

"""Parking: what can not be applied waits in order, for each handler, until it is retried or skipped."""

from dataclasses import replace
from uuid import uuid4

from libs.chassis.postgres import Database
from libs.events import parking
from libs.events.applying import Application
from libs.events.portfolio import ProjectProposed
from tests.component.events.consumer import applying, decided, of_a_sick_project, proposals, seen
from tests.component.events.worlds import POISON, Witness
from tests.support.history import History


async def with_a_newcomer(database: Database, *, is_choosy: bool = False) -> Application:
    """The witness where it was, and beside it a handler that begins at the first event."""
    handlers = [Witness(is_choosy=is_choosy), Witness("newcomer", is_choosy)]
    application = Application(database, handlers, lambda position: None)
    await application.resume()
    return application


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

"""Who may do what is read anew from a log that was adopted: what is parked stays so, and nobody slips in meanwhile."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from libs.access import projecting as access
from libs.events import parking
from libs.events.access import MemberJoined, MemberLeft, OrganizationRole
from libs.events.envelope import Envelope
from tests.component.access.worlds import World, says_what_it_says, somebody
from tests.support.access_history import AccessHistory
from tests.support.history import ORG, History


async def test_what_is_read_anew_from_another_log_is_what_that_log_says(world: World) -> None:
    await world.tell(AccessHistory(1, 100))
    history = AccessHistory(2, 8)
    async with world.database.transaction() as connection:
        await access.read_anew(connection, _pages(history))
    world.now += 1
    await says_what_it_says(world, history)


async def test_what_is_parked_stays_so_when_all_is_read_anew(world: World) -> None:
    """Also what is met for the first time: whoever it is about is let in nowhere, and everybody else is."""
    history = AccessHistory(2, 100)
    await world.tell(history)
    person_id = await somebody(world, history)
    others = [each for each, standing in history.standings.items() if standing.role and each != person_id]
    history.record("member", person_id, MemberLeft(person_id=person_id, role_before=OrganizationRole.MEMBER))
    history.record("member", person_id, MemberJoined(person_id=person_id, role=OrganizationRole.MEMBER))
    *before, of_person, behind = (event.envelope for event in history.events)
    suspended = replace(of_person, type="member.suspended")
    envelopes = [*before, suspended, behind]
    await world.tell_envelopes([suspended, behind])

    for is_known in (True, False):
        async with world.database.transaction() as connection:
            if not is_known:
                await parking.forget_after(connection, 0)
            await access.read_anew(connection, _one_by_one(envelopes))
            [parked] = await parking.list_parked(connection)
        assert (parked.sequence, parked.position, parked.events) == (suspended.stream, suspended.position, 2)
        world.now += 1
        assert await world.directory.person(ORG, person_id) is None
        for each in others:
            assert await world.directory.person(ORG, each) is not None
    await world.leave_out(suspended.stream)
    assert await world.directory.person(ORG, person_id) is not None
    async with world.database.transaction() as connection:
        await access.read_anew(connection, _one_by_one(envelopes))
        assert await parking.list_parked(connection) == []


async def test_decisions_about_another_log_bind_nobody(world: World) -> None:
    history = AccessHistory(2, 100)
    await world.tell(history)
    person_id = await somebody(world, history)
    history.record("member", person_id, MemberLeft(person_id=person_id, role_before=OrganizationRole.MEMBER))
    suspended = replace(history.events[-1].envelope, type="member.suspended")
    await world.tell_envelopes([suspended])
    await world.leave_out(suspended.stream)
    async with world.database.transaction() as connection:
        await parking.decide(connection, ORG, suspended.stream, "retry", "too late", "operator")
        assert await parking.skipped_positions(connection) == {suspended.position}
        await parking.forget_after(connection, suspended.position - 1)
        assert await parking.skipped_positions(connection) == frozenset()
        assert await parking.open_decisions(connection) == []
        results = await connection.fetch("select result from parking_decisions order by decision_id")
    assert [row["result"] for row in results] == [
        f"skipped 1 events at {suspended.position}; not any more, the log is another",
        "not carried out: the log is another",
    ]


def _pages(history: History) -> AsyncIterator[list[Envelope]]:
    return _one_by_one([event.envelope for event in history.events])


async def _one_by_one(envelopes: Sequence[Envelope]) -> AsyncIterator[list[Envelope]]:
    for envelope in envelopes:
        yield [envelope]

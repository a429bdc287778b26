"""Pages of selected events: the question in SQL selects what the rule in Python takes."""

import asyncio
import itertools
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from libs.chassis.load_shedding import POOL_PATIENCE_SECONDS, TooManyReads
from libs.chassis.postgres import Database
from libs.events.access import ApiKeyRevoked, MemberJoined, OrganizationRole
from libs.events.envelope import EventData, read_cloud_event, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Expectation, NewEvent, Recording
from libs.events.log.selecting import EventPages, Selection
from tests.support.recordings import ACTOR, ORGANIZATION, proposing

OTHER_ORGANIZATION = UUID("00000000-0000-4000-8000-000000000002")
ONE, TWO = uuid4(), uuid4()


def of_organization(aggregate: str, data: EventData, project_id: UUID | None = None) -> Recording:
    stream = stream_name(aggregate, uuid4())
    event = NewEvent(uuid7(), stream, 1, project_id, data)
    return Recording(ORGANIZATION, ACTOR, (Expectation(stream, 0),), (event,), Answer(200, b""))


async def filled(log: Log) -> None:
    await log.append(
        [
            proposing(ONE),
            proposing(TWO),
            proposing(uuid4()),
            of_organization("member", MemberJoined(person_id=uuid4(), role=OrganizationRole.MEMBER)),
            of_organization("api_key", ApiKeyRevoked()),
            proposing(org_id=OTHER_ORGANIZATION),
        ]
    )


async def test_a_page_holds_exactly_what_the_selection_takes(log: Log, service_database: Database) -> None:
    await filled(log)
    pages = EventPages(service_database)
    events = [read_cloud_event(body) for body in await log.read_bodies(0, 100)]
    choices = itertools.product(
        (None, frozenset[UUID](), frozenset({ONE}), frozenset({ONE, TWO})),
        (None, frozenset({"project.proposed"}), frozenset({"member.joined", "api_key.revoked"})),
        (True, False),
        (frozenset[str](), frozenset({"api_key"})),
    )
    for projects, types, has_organization, hidden in choices:
        selection = Selection(ORGANIZATION, projects, types, has_organization, hidden)
        page, head = await pages.page(selection, 0, 100)
        taken = [
            each.position
            for each in events
            if each.org_id == ORGANIZATION and selection.takes(each.project_id, each.type)
        ]
        assert (list(page.positions), page.next_after, head) == (taken, 6, 6), selection


async def test_an_organization_reads_no_more_pages_at_a_time_than_it_may(service_database: Database) -> None:
    patience = POOL_PATIENCE_SECONDS.set(0.1)
    with pytest.raises(TooManyReads):
        await EventPages(service_database, reads_max=0).page(Selection(ORGANIZATION), 0, 100)
    assert await EventPages(service_database, reads_max=1).page(Selection(ORGANIZATION), 0, 100)
    POOL_PATIENCE_SECONDS.reset(patience)


async def test_concurrent_appends_never_slip_in_before_where_a_page_says_it_has_looked(
    log: Log, service_database: Database
) -> None:
    pages = EventPages(service_database)
    selection = Selection(ORGANIZATION)

    async def write() -> None:
        for _ in range(30):
            await log.append([proposing(), proposing(org_id=OTHER_ORGANIZATION)])

    async def read(writing: "asyncio.Future[list[None]]") -> list[int]:
        got: list[int] = []
        after, is_last = 0, False
        while not is_last:
            is_last = writing.done()
            page, _ = await pages.page(selection, after, 7)
            got += page.positions
            is_last = is_last and not page.positions
            after = page.next_after
        return got

    writing = asyncio.gather(*(write() for _ in range(4)))
    got = await read(writing)
    everything = [read_cloud_event(body) for body in await log.read_bodies(0, 1_000)]
    assert got == [event.position for event in everything if event.org_id == ORGANIZATION]


async def test_the_page_of_one_organization_is_found_by_its_index(service_database: Database) -> None:
    async with service_database.connection() as connection:
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch(
            "explain select position from events where org_id = $1 and position > 0 order by position limit 5",
            ORGANIZATION,
        )
        await connection.execute("reset enable_seqscan")
    assert any("events_of_organization" in line[0] for line in plan), plan


def test_a_selection_is_the_same_for_all_who_see_and_want_the_same() -> None:
    first = Selection(ORGANIZATION, frozenset({ONE, TWO}), frozenset({"project.proposed"}))
    second = Selection(ORGANIZATION, frozenset({TWO, ONE}), frozenset({"project.proposed"}))
    assert {first: 1}[second] == 1
    assert replace(first, types=None) != second

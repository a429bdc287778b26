"""The log: gap-free positions, idempotency, outcomes per item, and nobody else's hand in it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from libs.chassis.postgres import Database
from libs.events import catalogue
from libs.events.envelope import StreamKey, cloud_event, read_cloud_event, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Appended, Conflict, Expectation, IdempotencyKey, KeyReused, Replayed
from tests.support.recordings import ACTOR, ORGANIZATION, keyed, proposing

OTHER_ORGANIZATION = UUID("00000000-0000-4000-8000-000000000002")


def positions(outcomes: list[object]) -> list[int]:
    return [outcome.position for outcome in outcomes if isinstance(outcome, Appended)]


async def test_items_of_one_call_get_consecutive_positions_in_order(log: Log) -> None:
    outcomes = await log.append([proposing(), proposing(events=3), proposing()])

    assert positions(list(outcomes)) == [1, 4, 5]
    assert [entry.position for entry in await log.read(0, 10)] == [1, 2, 3, 4, 5]
    assert await log.head() == 5


async def test_concurrent_writers_leave_no_gap_and_positions_follow_commits(log: Log) -> None:
    seen: list[list[int]] = []

    async def write(writer: int) -> list[int]:
        outcomes = [await log.append([proposing(events=1 + writer % 3)]) for _ in range(20)]
        return [position for outcome in outcomes for position in positions(list(outcome))]

    async def watch(writers: "asyncio.Future[list[list[int]]]") -> None:
        while not writers.done():
            seen.append([entry.position for entry in await log.read(0, 2_000)])

    writers = asyncio.ensure_future(asyncio.gather(*(write(number) for number in range(8))))
    await watch(writers)
    written = sorted(position for each in await writers for position in each)

    assert len(written) == len(set(written)) == 160
    assert [entry.position for entry in await log.read(0, 2_000)] == list(range(1, 20 * (8 + 7) + 1))[
        : await log.head()
    ]
    # What a reader has seen once is a prefix of what it sees later: no position appears behind its back.
    assert all(positions_seen == list(range(1, len(positions_seen) + 1)) for positions_seen in seen)


async def test_a_conflicting_item_does_not_fail_its_neighbors(log: Log) -> None:
    project_id = uuid7()
    await log.append([proposing(project_id)])

    outcomes = await log.append([proposing(), proposing(project_id, version=0), proposing()])

    assert [type(outcome) for outcome in outcomes] == [Appended, Conflict, Appended]
    assert positions(list(outcomes)) == [2, 3]


async def test_a_later_item_of_a_call_may_build_on_an_earlier_one(log: Log) -> None:
    project_id = uuid7()

    outcomes = await log.append(
        [
            proposing(project_id),
            proposing(project_id, version=1, events=2),
            proposing(project_id, version=2),
            proposing(project_id, version=3),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [Appended, Appended, Conflict, Appended]
    events = await log.load(StreamKey(ORGANIZATION, stream_name("project", project_id)))
    assert [event.envelope.version for event in events] == [1, 2, 3, 4]


async def test_an_item_on_two_streams_is_recorded_whole_or_not_at_all(log: Log) -> None:
    first, second = uuid7(), uuid7()
    await log.append([proposing(second)])
    one, other = proposing(first), proposing(second, version=0)
    both = replace(one, expectations=one.expectations + other.expectations, events=one.events + other.events)

    assert await log.append([both]) == [Conflict()]
    assert await log.head() == 1
    moved = tuple(replace(event, version=2) for event in other.events)
    fitting = replace(
        both,
        expectations=(*one.expectations, Expectation(other.events[0].stream, 1)),
        events=one.events + moved,
    )
    assert positions(list(await log.append([fitting]))) == [3]


async def test_the_same_key_gives_the_same_answer_and_records_nothing_more(log: Log) -> None:
    item = keyed(proposing(), "key-1")
    await log.append([item])

    [replayed] = await log.append([keyed(proposing(), "key-1")])

    assert replayed == Replayed(1, item.answer)
    assert await log.head() == 1


async def test_a_key_used_for_another_request_is_refused(log: Log) -> None:
    await log.append([keyed(proposing(), "key-1")])

    assert await log.append([keyed(proposing(), "key-1", b"other")]) == [KeyReused()]
    assert await log.head() == 1


async def test_the_same_key_of_another_organization_or_actor_is_another_key(log: Log) -> None:
    item = keyed(proposing(), "key-1")
    await log.append([item])
    foreign = replace(keyed(proposing(), "key-1"), org_id=OTHER_ORGANIZATION)
    colleague = replace(keyed(proposing(), "key-1"), actor=uuid7())

    assert positions(list(await log.append([foreign, colleague]))) == [2, 3]


async def test_an_item_without_events_still_remembers_its_answer(log: Log) -> None:
    await log.append([proposing()])
    nothing = keyed(replace(proposing(), events=(), expectations=()), "key-1")

    [outcome] = await log.append([nothing])

    assert isinstance(outcome, Appended)
    assert outcome.position == 1
    known = await log.recall(ORGANIZATION, ACTOR, [IdempotencyKey("key-1", b"hash")])
    assert known == {"key-1": Replayed(1, nothing.answer)}


async def test_two_organizations_may_choose_the_same_id(log: Log) -> None:
    project_id = uuid7()
    await log.append([proposing(project_id)])

    assert positions(list(await log.append([proposing(project_id, org_id=OTHER_ORGANIZATION)]))) == [2]
    stream = stream_name("project", project_id)
    [event] = await log.load(StreamKey(OTHER_ORGANIZATION, stream))
    assert event.envelope.position == 2


async def test_an_event_id_can_not_be_used_twice_in_an_organization(log: Log) -> None:
    item = proposing()
    await log.append([item])
    thief = proposing()
    stolen = replace(thief, events=(replace(thief.events[0], event_id=item.events[0].event_id),))

    with pytest.raises(asyncpg.UniqueViolationError):
        await log.append([stolen])
    assert await log.head() == 1


async def test_an_instant_at_the_end_of_the_calendar_never_gets_into_the_log(log: Log) -> None:
    item = proposing()
    endless = replace(item.events[0], effective_at=datetime.min.replace(tzinfo=UTC))

    with pytest.raises(asyncpg.CheckViolationError):
        await log.append([replace(item, events=(endless,))])


async def test_the_log_and_the_library_write_the_same_bytes(log: Log) -> None:
    await log.append([proposing(name='Quotes " and \\ and ünïcode ☂ and \u2028')])

    [entry] = await log.read(0, 1)

    envelope = read_cloud_event(entry.body)
    assert cloud_event(envelope) == entry.body
    assert entry.subject == catalogue.subject(envelope)


async def test_recorded_instants_never_run_backwards(log: Log) -> None:
    for _ in range(5):
        await asyncio.gather(*(log.append([proposing()]) for _ in range(10)))

    instants = [entry.recorded_at for entry in await log.read(0, 100)]
    assert instants == sorted(instants)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into events select * from events",
        "update events set type = 'milestone.achieved'",
        "delete from events",
        "truncate events",
        "update idempotency_keys set status = 500",
        "delete from idempotency_keys",
        "alter table events add column note text",
        "drop table events",
        "create table stowaway ()",
        "set session_replication_role = replica",
    ],
)
async def test_the_service_may_not_touch_the_log_but_through_append(
    log: Log, service_database: Database, statement: str
) -> None:
    await log.append([proposing()])

    async with service_database.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_relay_may_only_read(log: Log, relay_database: Database) -> None:
    await log.append([proposing()])

    async with relay_database.connection() as connection:
        assert await connection.fetchval("select count(*) from events") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from idempotency_keys")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("select forget_expired_keys(1)")

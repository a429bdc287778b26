"""The queue before the log: groups, fairness, and what becomes of an item when something goes wrong."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from libs.events.log.grouping import GROUP_ITEMS_MAX, WAITING_ITEMS_MAX, GroupedAppends, NoRoom, Overloaded
from libs.events.log.log import Log
from libs.events.log.recording import Appended, Conflict, Outcome, Recording, Replayed
from tests.support.recordings import keyed, proposing


@dataclass
class Gate:
    """Stands before a real log: holds calls back, counts them, or loses answers that the log has given."""

    log: Log
    open: asyncio.Event = field(default_factory=asyncio.Event)
    groups: list[list[Recording]] = field(default_factory=list)
    answers_to_lose: int = 0
    is_full: bool = False

    async def append(self, recordings: Sequence[Recording]) -> list[Outcome]:
        await self.open.wait()
        self.groups.append(list(recordings))
        if self.is_full:
            raise asyncpg.DiskFullError("could not extend file")
        outcomes = await self.log.append(recordings)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise asyncpg.ConnectionDoesNotExistError("the answer was lost")
        return outcomes

    async def resolve(self, recording: Recording) -> Appended | None:
        return await self.log.resolve(recording)


async def until_the_queue_has_moved() -> None:
    """Let every task that can go on do so; the gate keeps the log out of it."""
    for _ in range(5):
        await asyncio.wait([asyncio.ensure_future(asyncio.wait_for(_nothing(), 1))])


async def _nothing() -> None:
    return None


@pytest_asyncio.fixture
async def gate(log: Log) -> Gate:
    return Gate(log)


@pytest_asyncio.fixture
async def appends(gate: Gate) -> AsyncIterator[GroupedAppends]:
    grouped = GroupedAppends(gate)  # type: ignore[arg-type]
    sending = asyncio.create_task(grouped.run())
    yield grouped
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending


async def test_what_arrives_during_a_call_goes_together_with_the_next(
    appends: GroupedAppends, gate: Gate
) -> None:
    waiting = [asyncio.ensure_future(appends.append(proposing())) for _ in range(20)]
    await until_the_queue_has_moved()
    gate.open.set()

    outcomes = await asyncio.gather(*waiting)

    assert sorted(outcome.position for outcome in outcomes if isinstance(outcome, Appended)) == list(
        range(1, 21)
    )
    assert len(gate.groups) <= 2


async def test_a_busy_organization_does_not_keep_the_others_waiting(
    appends: GroupedAppends, gate: Gate
) -> None:
    busy, quiet = uuid4(), uuid4()
    first = asyncio.ensure_future(appends.append(proposing()))
    await until_the_queue_has_moved()
    many = [asyncio.ensure_future(appends.append(proposing(org_id=busy))) for _ in range(600)]
    await until_the_queue_has_moved()
    one = asyncio.ensure_future(appends.append(proposing(org_id=quiet)))
    await until_the_queue_has_moved()
    gate.open.set()

    await asyncio.gather(first, *many, one)

    assert quiet in {recording.org_id for recording in gate.groups[1]}
    assert len(gate.groups[1]) == 256


async def test_a_lost_answer_is_looked_up_and_nothing_is_recorded_twice(
    appends: GroupedAppends, gate: Gate, log: Log
) -> None:
    gate.open.set()
    gate.answers_to_lose = 1
    items = [proposing(), keyed(proposing(), "key-1"), keyed(proposing(), "key-2")]

    outcomes = await asyncio.gather(*(appends.append(item) for item in items))

    assert all(isinstance(outcome, Appended) for outcome in outcomes)
    assert await log.head() == 3


async def test_what_was_answered_under_a_key_is_answered_again_though_the_call_that_asks_is_lost(
    appends: GroupedAppends, gate: Gate
) -> None:
    gate.open.set()
    project_id = uuid4()
    first, other = keyed(proposing(project_id), "key"), proposing(project_id, version=1)
    # Asked again when others have gone on, the same command changes nothing any more.
    again = keyed(proposing(project_id, version=2, events=0), "key")
    await appends.append(first)
    await appends.append(other)
    gate.answers_to_lose = 1

    outcome = await appends.append(again)

    assert outcome == Replayed(1, first.answer)


async def test_a_command_that_changes_nothing_is_remembered_though_the_answer_of_the_log_is_lost(
    appends: GroupedAppends, gate: Gate
) -> None:
    gate.open.set()
    project_id = uuid4()
    await appends.append(proposing(project_id))
    gate.answers_to_lose = 1
    nothing = keyed(proposing(project_id, version=1, events=0), "key")

    outcome = await appends.append(nothing)

    assert isinstance(outcome, Appended | Replayed)
    assert await appends.append(keyed(proposing(project_id, events=5), "key")) == Replayed(1, nothing.answer)


async def test_a_conflict_is_told_to_its_own_item_only(appends: GroupedAppends, gate: Gate) -> None:
    gate.open.set()
    project_id = uuid4()
    await appends.append(proposing(project_id))

    outcomes = await asyncio.gather(appends.append(proposing(project_id)), appends.append(proposing()))

    assert [type(outcome) for outcome in outcomes] == [Conflict, Appended]


async def test_a_full_disk_is_told_at_once_and_nothing_was_recorded(
    appends: GroupedAppends, gate: Gate, log: Log
) -> None:
    gate.open.set()
    gate.is_full = True

    outcomes = await asyncio.gather(*(appends.append(proposing()) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [NoRoom] * 3
    attempts = Counter(id(recording) for group in gate.groups for recording in group)
    assert set(attempts.values()) == {2}, "once with its group and once alone"
    gate.is_full = False
    assert isinstance(await appends.append(proposing()), Appended)
    assert await log.head() == 1


async def test_what_nobody_waits_for_any_more_is_not_sent_later(
    appends: GroupedAppends, gate: Gate, log: Log
) -> None:
    first = asyncio.ensure_future(appends.append(proposing()))
    await until_the_queue_has_moved()
    given_up = asyncio.ensure_future(appends.append(proposing()))
    await until_the_queue_has_moved()
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    gate.open.set()

    await first
    await appends.append(proposing())

    assert await log.head() == 2


async def test_what_is_on_its_way_is_recorded_though_its_client_went_away(
    appends: GroupedAppends, gate: Gate, log: Log
) -> None:
    gone = asyncio.ensure_future(appends.append(proposing()))
    await until_the_queue_has_moved()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    gate.open.set()

    await appends.append(proposing())

    assert await log.head() == 2


async def test_more_than_the_log_can_take_soon_is_refused(appends: GroupedAppends, gate: Gate) -> None:
    under_way = [asyncio.ensure_future(appends.append(proposing())) for _ in range(GROUP_ITEMS_MAX)]
    await until_the_queue_has_moved()
    waiting = [asyncio.ensure_future(appends.append(proposing())) for _ in range(WAITING_ITEMS_MAX)]
    await until_the_queue_has_moved()

    with pytest.raises(Overloaded):
        await appends.append(proposing())

    gate.open.set()
    outcomes = await asyncio.gather(*under_way, *waiting)
    assert all(isinstance(outcome, Appended) for outcome in outcomes)

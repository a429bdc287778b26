"""Waiting for what one has written oneself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import pytest
from starlette.requests import Request

from libs.chassis import freshness
from libs.chassis.freshness import Progress, fresh_enough, wait_seconds
from libs.chassis.problems import Problem
from tests.support.eventually import eventually


def asking(query: str, prefer: str | None = None) -> Request:
    headers = [(b"prefer", prefer.encode())] if prefer else []
    return Request({"type": "http", "path": "/", "query_string": query.encode(), "headers": headers})


async def test_whoever_waits_is_woken_when_the_position_is_reached() -> None:
    progress = Progress(5)
    waiting = [asyncio.create_task(progress.wait_for(position, 5)) for position in (9, 7, 7, 12)]
    await asyncio.wait(waiting, timeout=0.01)
    progress.advance(9)
    done, pending = await asyncio.wait(waiting, timeout=0.1)
    assert [task.result() for task in done] == [True, True, True]
    progress.advance(12)
    assert [await task for task in pending] == [True]


async def test_what_is_not_reached_in_time_is_not_waited_for_longer() -> None:
    progress = Progress(5)
    assert await progress.wait_for(6, 0.02) is False
    assert await progress.wait_for(6, 0) is False
    assert progress == Progress(5, [], progress._order)  # noqa: SLF001


async def test_a_client_that_leaves_leaves_nothing_behind() -> None:
    progress = Progress(5)
    waiting = asyncio.create_task(progress.wait_for(6, 5))
    await asyncio.wait([waiting], timeout=0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    progress.advance(6)
    assert progress._waiting == []  # noqa: SLF001


async def test_what_is_reached_just_when_somebody_gives_up_is_no_error() -> None:
    progress = Progress(5)
    waiting = asyncio.create_task(progress.wait_for(6, 5))
    await asyncio.wait([waiting], timeout=0.01)
    waiting.cancel()
    progress.advance(6)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_read_answers_from_the_position_asked_for_or_a_later_one() -> None:
    assert await fresh_enough(asking(""), Progress(5)) == 5
    assert await fresh_enough(asking("min_position=3"), Progress(5)) == 5


async def test_a_read_that_can_not_wait_long_enough_says_when_to_come_back() -> None:
    with pytest.raises(Problem) as behind:
        await fresh_enough(asking("min_position=6"), Progress(5))
    assert (behind.value.status, behind.value.code) == (503, "projection_behind")
    assert behind.value.headers == {"Retry-After": "1", "Milepost-Position": "5"}


async def test_a_read_that_waits_is_answered_as_soon_as_it_can_be() -> None:
    progress = Progress(5)
    reading = asyncio.create_task(fresh_enough(asking("min_position=6", "wait=5"), progress))
    await asyncio.wait([reading], timeout=0.01)
    progress.advance(8)
    assert await asyncio.wait_for(reading, 1) == 8


@contextlib.asynccontextmanager
async def another_process_reaches(progress: Progress, told: Iterable[int | Exception]) -> AsyncIterator[None]:
    """What it says whenever it is asked; the last of it for ever."""
    sayings = list(told)

    async def read() -> int:
        saying = sayings.pop(0) if len(sayings) > 1 else sayings[0]
        if isinstance(saying, Exception):
            raise saying
        return saying

    watching = asyncio.create_task(progress.watch(read))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])


@pytest.fixture
def looking_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "WATCH_IDLE_SECONDS", 1_000)


@pytest.mark.usefixtures("looking_only_when_asked")
async def test_what_another_process_has_reached_wakes_whoever_waits_here() -> None:
    progress = Progress()
    async with another_process_reaches(progress, [5, 5, 6]):
        assert await progress.wait_for(6, 5) is True


async def test_an_outage_of_what_tells_the_position_is_survived() -> None:
    progress = Progress()
    async with another_process_reaches(progress, [5, ConnectionResetError(), 6]):
        assert await progress.wait_for(6, 5) is True


@pytest.mark.usefixtures("looking_only_when_asked")
async def test_who_does_not_wait_finds_the_position_when_they_come_back() -> None:
    progress = Progress()
    async with another_process_reaches(progress, [5, 6]):
        assert await progress.wait_for(5, 5) is True
        assert await progress.wait_for(6, 0) is False

        def has_come_so_far() -> None:
            assert progress.position == 6

        await eventually(has_come_so_far)


async def test_who_knows_better_is_not_taken_back() -> None:
    progress, is_asked, answer = Progress(), asyncio.Event(), asyncio.Event()

    async def read() -> int:
        is_asked.set()
        await answer.wait()
        return 5

    watching = asyncio.create_task(progress.watch(read))
    await is_asked.wait()
    progress.advance(8)
    answer.set()
    await asyncio.wait([watching], timeout=0.01)
    assert progress.position == 8
    watching.cancel()


async def test_a_malformed_position_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        await fresh_enough(asking("min_position=soon"), Progress(5))
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0),
        ("wait=3", 3),
        ("respond-async, wait=3", 3),
        ('Wait="2"; foo', 2),
        ("wait=600", 5),
        ("wait=-1", 0),
        ("await=3", 0),
        ("wait=1.5", 0),
        ("wait", 0),
        ("return=minimal", 0),
    ],
)
def test_what_the_client_prefers(prefer: str | None, seconds: float) -> None:
    assert wait_seconds(prefer) == seconds

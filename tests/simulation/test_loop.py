"""Simulated time: it jumps, it keeps the order of timers, and it stands still for whoever is frozen."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.simulation.loop import Process, SimulatedLoop, Stuck


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    made = SimulatedLoop()
    yield made
    made.close()


def test_an_hour_takes_no_time(loop: SimulatedLoop) -> None:
    loop.run_until_complete(asyncio.sleep(3_600))

    assert loop.time() == 3_600


def test_timers_of_one_instant_fire_in_the_order_in_which_they_were_set(loop: SimulatedLoop) -> None:
    told: list[int] = []
    for number in range(50):
        loop.call_at(1.0, told.append, number)

    loop.run_until_complete(asyncio.sleep(2))

    assert told == list(range(50))


def test_waiting_for_what_can_never_happen_is_an_error(loop: SimulatedLoop) -> None:
    waiting = loop.create_task(asyncio.Event().wait())

    with pytest.raises(Stuck):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))


def test_what_is_called_back_and_goes_wrong_ends_the_run(loop: SimulatedLoop) -> None:
    loop.call_at(1.0, [].pop)

    with pytest.raises(IndexError):
        loop.run_until_complete(asyncio.sleep(2))
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))


def test_a_frozen_process_does_nothing_until_it_thaws_and_then_everything(loop: SimulatedLoop) -> None:
    told: list[float] = []

    async def tick() -> None:
        for _ in range(5):
            await asyncio.sleep(1)
            told.append(loop.time())

    process = Process(loop, "ticking")
    process.start(tick)
    loop.call_at(1.5, process.freeze)
    loop.call_at(9.0, process.thaw)
    loop.run_until_complete(process.is_over())

    assert told == [1.0, 9.0, 10.0, 11.0, 12.0]


def test_a_killed_process_ends(loop: SimulatedLoop) -> None:
    told: list[str] = []

    async def live() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.append("unwound")

    process = Process(loop, "short-lived")
    process.start(live)
    loop.call_at(1.0, process.kill)
    loop.run_until_complete(process.is_over())

    assert (told, loop.time(), process.failure) == (["unwound"], 1.0, None)

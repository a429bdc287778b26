"""One seed from beginning to end: a history under faults, calm, convergence, and what must hold then."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from tests.simulation import faults, invariants
from tests.simulation.loop import SimulatedLoop, Stuck
from tests.simulation.world import World

# Reached without anybody's help once the last fault is over; telling people has retries of its own.
LAG_SECONDS_MAX = 30.0
BACKLOG_SECONDS_MAX = 90.0
LOOK_SECONDS = 0.25


Teller = faults.Teller


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed; `failure` is `None` where everything held."""

    seed: int
    events: int
    faults: tuple[str, ...]
    seconds: float
    failure: str | None


def simulate(seed: int, tell: Teller = lambda instant, fault: None) -> Outcome:
    """Run one seed. The same seed gives the same world, down to the order of every callback.

    `tell` is called with each fault and the simulated instant at which it begins.
    """
    loop = SimulatedLoop()
    loop.set_exception_handler(_ignore)
    befell: list[str] = []
    try:
        world = World(loop, seed)
        failure = loop.run_until_complete(_life(world, befell, tell))
        events = len(world.script.rows)
    finally:
        _finish(loop)
    return Outcome(seed, events, tuple(befell), round(loop.time(), 3), failure)


async def _life(world: World, befell: list[str], tell: Teller) -> str | None:
    try:
        await world.sign_up()
        world.start_everything()
        writing = asyncio.create_task(world.write_history())
        befell.extend(await faults.rage(world, tell))
        await writing
        for process in world.processes.values():
            process.thaw()
        await _converge(world)
        invariants.check(world)
    except (AssertionError, Stuck) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        world.close()
    return None


async def _converge(world: World) -> None:
    """Wait until everything has arrived, as long as it may take."""
    world.illness.cure()
    await _until_nothing(world, invariants.lag, LAG_SECONDS_MAX)
    invariants.only_what_failed_is_parked(world)
    world.call_operator()
    await _until_nothing(world, invariants.backlog, BACKLOG_SECONDS_MAX)


async def _until_nothing(world: World, left: Any, seconds: float) -> None:
    deadline = world.loop.time() + seconds
    while (what := left(world)) is not None:
        for process in world.processes.values():
            if (failure := process.failure) is not None:
                raise AssertionError(f"{process.name} ended: {type(failure).__name__}: {failure}")
        if world.loop.time() > deadline:
            raise AssertionError(f"after {seconds} s {what}")
        await asyncio.sleep(LOOK_SECONDS)


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tasks of killed processes end with whatever they end with."""


def _finish(loop: SimulatedLoop) -> None:
    """Let everything that was killed unwind, so that nothing is left for another world."""
    with contextlib.suppress(Stuck):
        for _ in range(5):
            tasks = asyncio.all_tasks(loop)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks, timeout=5))
    loop.close()

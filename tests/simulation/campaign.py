"""Many seeds, shared out among processes; a seed that fails says how to run it again."""

import gc
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from threading import Thread

import structlog

from tests.simulation.history import prepare
from tests.simulation.simulating import Outcome, simulate

SEEDS_A_TURN = 25
LOGGED_FROM = 50
FAILURES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a campaign; `processor_seconds` is over all processes."""

    outcomes: tuple[Outcome, ...]
    wall_seconds: float
    processor_seconds: float

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failure is not None]

    def __str__(self) -> str:
        events = sum(outcome.events for outcome in self.outcomes)
        faults = sum(len(outcome.faults) for outcome in self.outcomes)
        hours = sum(outcome.seconds for outcome in self.outcomes) / 3_600
        lines = [
            f"{len(self.outcomes):,} seeds, {events:,} events, {faults:,} faults, {hours:.1f} simulated hours",
            f"{self.wall_seconds:.0f} s, {self.processor_seconds:.0f} s of processor time",
            *(reproduction(outcome) for outcome in self.failures[:FAILURES_SHOWN_MAX]),
        ]
        if len(self.failures) > FAILURES_SHOWN_MAX:
            lines.append(f"… of {len(self.failures):,} seeds that fail")
        return "\n".join(lines)


def reproduction(outcome: Outcome) -> str:
    """The one line that shows a failure again."""
    return f"make simulate SEED={outcome.seed}   # {outcome.failure}"


def run(seeds: Iterable[int], processes: int | None = None) -> Report:
    """Simulate every seed. Processes are started anew, so that nothing of the caller's is in them."""
    started = time.monotonic()
    turns = list(_in_turns(list(seeds)))
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn"), _begin) as pool:
        done = list(pool.map(_turn, turns))
    outcomes = tuple(outcome for outcomes, _ in done for outcome in outcomes)
    return Report(outcomes, time.monotonic() - started, sum(seconds for _, seconds in done))


def _in_turns(seeds: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(seeds), SEEDS_A_TURN):
        yield seeds[start : start + SEEDS_A_TURN]


def _begin() -> None:
    """Once per process: nothing is logged, and what every seed shares is made and never looked at by the collector."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(LOGGED_FROM), cache_logger_on_first_use=True
    )
    Thread(target=_end_with_parent, daemon=True).start()
    prepare()
    gc.collect()
    gc.freeze()
    gc.disable()


def _end_with_parent() -> None:
    """Whoever is left without a parent that could be told anything would simulate on, and then wait for ever."""
    if (parent := parent_process()) is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _turn(seeds: list[int]) -> tuple[list[Outcome], float]:
    started = time.process_time()
    outcomes = [simulate(seed) for seed in seeds]
    gc.collect()
    # What is left now is what every world shares.
    gc.freeze()
    return outcomes, time.process_time() - started

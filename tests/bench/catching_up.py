"""Catching up: how fast timeline's read models follow a log that went on without them, over the stream as ever."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure, Limit, Report, ratios
from tests.bench.filling import fill
from tests.bench.other_projecting import events_a_second
from tests.bench.profiling import memory_mib, profiled
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import System

EVENTS_MIN = 10_000
PEER_EVENTS = 3_000
POLL_SECONDS = 0.01
PROFILED_EVENTS_A_SECOND = 15_000
SECONDS_MAX = 300.0
GROUP = "projection catch-up over the stream"


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """`rate` counts from the first batch on; `seconds` from the start of the process."""

    rate: float
    seconds: float
    processor_micros: float
    memory_mib: float


def measure(system: System, report: Report, rounds: int, events: int, *, is_profiled: bool) -> None:
    ledger = Ledger(system.head)
    caught_up, peers = [], []
    for number in range(1, rounds + 1):
        report.say(f"catching up with {events:,} events, round {number} of {rounds}")
        caught_up.append(catch_up(system, ledger, events))
        report.say(f"the peer with {PEER_EVENTS:,} events, round {number} of {rounds}")
        peers.append(events_a_second(system.peer_dsn(), PEER_EVENTS))
    if is_profiled:
        _profile(system, report, ledger, events)
    report.reconciled.append(reconcile(system, ledger, "catching up"))
    report.add(*figures(caught_up, peers, events))


def figures(caught_up: Sequence[CaughtUp], peers: Sequence[float], events: int) -> Iterator[Figure]:
    rates = [each.rate for each in caught_up]
    behind = f"{events:,} events behind, all read models"
    yield Figure(GROUP, "timeline", "/s", rates, Limit(at_least=EVENTS_MIN), behind)
    yield Figure(
        GROUP, "eventsourcing's ProjectionRunner", "/s", peers, beside="one table, a transaction an event"
    )
    yield Figure(GROUP, "timeline ÷ eventsourcing", "×", ratios(rates, peers))
    yield Figure(GROUP, "with the start of the process", "s", [each.seconds for each in caught_up])
    micros = [each.processor_micros for each in caught_up]
    yield Figure(GROUP, "timeline's own processor time", "µs/event", micros)
    yield Figure(GROUP, "memory afterwards", "MiB", [each.memory_mib for each in caught_up])


def _profile(system: System, report: Report, ledger: Ledger, events: int) -> None:
    fall_behind(system, ledger, events)
    behind = system.projected()
    process = system.stack.start_service("timeline", wait=False)
    while system.projected() == behind:
        time.sleep(POLL_SECONDS)
    seconds = events / PROFILED_EVENTS_A_SECOND
    with profiled(process.pid, seconds, report.profiles, "timeline catching up"):
        system.await_projected(system.head, "timeline")


def fall_behind(system: System, ledger: Ledger, events: int) -> None:
    """Stop timeline, let the log go on, and wait until all the others have taken notice."""
    system.stack.processes["timeline"].stop()
    fill(system.stack.whereabouts.dsn("projects_service"), events)
    ledger.enter(events)
    system.await_projected(system.head, "notifications")


def catch_up(system: System, ledger: Ledger, events: int) -> CaughtUp:
    fall_behind(system, ledger, events)
    head, behind = system.head, system.projected()
    started = time.monotonic()
    process = system.stack.start_service("timeline", wait=False)
    first_seen, first_position, used_before = 0.0, behind, 0.0
    while (position := system.projected()) < head:
        now = time.monotonic()
        if first_position == behind and position > behind:
            first_seen, first_position = now, position
            used_before = system.processor_seconds()["timeline"]
        assert now < started + SECONDS_MAX, f"timeline stands at {position} and not at {head}"
        time.sleep(POLL_SECONDS)
    ended = time.monotonic()
    used = system.processor_seconds()["timeline"] - used_before
    system.stack.wait_until_ready("timeline")
    counted = head - first_position
    return CaughtUp(
        counted / (ended - first_seen), ended - started, 1e6 * used / counted, memory_mib(process.pid)
    )

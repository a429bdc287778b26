"""Catching up: how fast timeline's read models follow a log that went on without them, over the stream as ever."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure, Limit, Report, ratios
from tests.bench.filling import fill
from tests.bench.log_reading import read_bodies, read_over_http
from tests.bench.other_projecting import PAGE_EVENTS, Rates, rates
from tests.bench.profiling import memory_mib, profiled
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import System

EVENTS_MIN = 20_000
PEER_EVENTS = 3_000
POLL_SECONDS = 0.01
PROFILED_EVENTS_A_SECOND = 15_000
SECONDS_MAX = 1_800.0
GROUP = "projection catch-up over the stream"
READING = "reading the log to catch up"


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """`rate` counts from the first batch on; `seconds` from the start of the process."""

    rate: float
    seconds: float
    processor_micros: float
    memory_mib: float


def measure(system: System, report: Report, rounds: int, events: int, *, is_profiled: bool) -> None:
    ledger = Ledger(system.head)
    caught_up, peers, over_http, bodies = [], [], [], []
    for number in range(1, rounds + 1):
        report.say(f"catching up with {events:,} events, round {number} of {rounds}")
        caught_up.append(catch_up(system, ledger, events))
        report.say(f"reading the log, round {number} of {rounds}")
        over_http.append(read_over_http(system, events))
        bodies.append(read_bodies(system, events))
        report.say(f"the peer with {events:,} and {PEER_EVENTS:,} events, round {number} of {rounds}")
        peers.append(rates(system.peer_dsn(), events, PEER_EVENTS))
    if is_profiled:
        _profile(system, report, ledger, events)
    report.reconciled.append(reconcile(system, ledger, "catching up"))
    report.add(*figures(caught_up, peers, events), *reading_figures(over_http, bodies, peers, events))


def figures(caught_up: Sequence[CaughtUp], peers: Sequence[Rates], events: int) -> Iterator[Figure]:
    own = [each.rate for each in caught_up]
    runner, batches = [each.runner for each in peers], [each.batches for each in peers]
    behind = f"{events:,} events behind, all read models"
    yield Figure(GROUP, "timeline", "/s", own, Limit(at_least=EVENTS_MIN), behind)
    peer, one_table = "eventsourcing's ProjectionRunner", "one table of current rows"
    yield Figure(GROUP, peer, "/s", runner, beside=f"{one_table}, a transaction an event")
    yield Figure(
        GROUP,
        "eventsourcing, in batches by hand",
        "/s",
        batches,
        beside=f"{one_table}, {PAGE_EVENTS:,} a transaction",
    )
    yield Figure(GROUP, "timeline ÷ the runner", "×", ratios(own, runner))
    yield Figure(GROUP, "timeline ÷ by hand", "×", ratios(own, batches))
    yield Figure(GROUP, "with the start of the process", "s", [each.seconds for each in caught_up])
    micros = [each.processor_micros for each in caught_up]
    yield Figure(GROUP, "timeline's own processor time", "µs/event", micros)
    yield Figure(GROUP, "memory afterwards", "MiB", [each.memory_mib for each in caught_up])


def reading_figures(
    over_http: Sequence[float], bodies: Sequence[float], peers: Sequence[Rates], events: int
) -> Iterator[Figure]:
    selected, decoded = [each.selected for each in peers], [each.decoded for each in peers]
    yield Figure(READING, "over HTTP, decoded", "/s", over_http, beside=f"{events:,} events, in pages")
    yield Figure(READING, "straight from PostgreSQL, as bytes", "/s", bodies)
    yield Figure(READING, "eventsourcing's select_notifications", "/s", selected)
    yield Figure(READING, "eventsourcing's, decoded", "/s", decoded)
    yield Figure(READING, "decoded ÷ eventsourcing's decoded", "×", ratios(over_http, decoded))
    yield Figure(READING, "as bytes ÷ select_notifications", "×", ratios(bodies, selected))


def _profile(system: System, report: Report, ledger: Ledger, events: int) -> None:
    fall_behind(system, ledger, events)
    behind = system.projected()
    process = system.stack.start_service("timeline", wait=False)
    while system.projected() == behind:
        time.sleep(POLL_SECONDS)
    seconds = events / PROFILED_EVENTS_A_SECOND
    with profiled(process.pid, seconds, report.profiles, "timeline catching up"):
        system.await_projected(system.head, "timeline")


def fall_behind(
    system: System, ledger: Ledger, events: int, happen: Callable[[], None] | None = None
) -> None:
    """Stop timeline, let the log go on (by `happen`, if that is given), and wait until all the others took notice."""
    system.stack.processes["timeline"].stop()
    if happen is None:
        fill(system.stack.whereabouts.dsn("projects_service"), events)
    else:
        happen()
    ledger.enter(events)
    system.await_projected(system.head, "notifications")


def catch_up(
    system: System, ledger: Ledger, events: int, happen: Callable[[], None] | None = None
) -> CaughtUp:
    fall_behind(system, ledger, events, happen)
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

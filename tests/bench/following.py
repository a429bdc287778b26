"""How what follows the log grows with it: the same figures at ten thousand, a hundred thousand, a million events.

Of each size: catching up with what it is larger by, questions, a rebuild, and what an event takes on disk.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.bench import catching_up, questions, rebuilding
from tests.bench.catching_up import CaughtUp
from tests.bench.copying import copy_events
from tests.bench.figures import Figure, Limit, Report
from tests.bench.questions import YARDSTICK, Milliseconds
from tests.bench.rebuilding import ALL, Rebuilt
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import System

SIZES = (10_000, 100_000, 1_000_000)
QUESTIONS = 400
TIMES_A_ROW_MAX = 2.0
BYTES = "select pg_database_size(current_database())"


@dataclass(frozen=True, slots=True)
class Grown:
    """What was measured when the log had that many events; `bytes_an_event` by service."""

    events: int
    caught_up: CaughtUp
    asked: Mapping[str, Milliseconds]
    rebuilt: Rebuilt
    bytes_an_event: Mapping[str, float]


def measure(system: System, report: Report, *, is_quick: bool) -> None:
    ledger = Ledger(system.head)
    for events in SIZES[:-1] if is_quick else SIZES:
        report.say(f"growing to {events:,} events")
        # Told size by size: the last one takes its time.
        report.add(*figures(grow(system, ledger, events, report)))
    report.reconciled.append(reconcile(system, ledger, "growing"))


def grow(system: System, ledger: Ledger, events: int, report: Report) -> Grown:
    dsn = system.stack.whereabouts.database_dsn("projects")
    empty = {service: system.number(service, BYTES) for service in ("projects", "timeline")}
    more = events - system.head
    caught_up = catching_up.catch_up(system, ledger, more, lambda: copy_events(dsn, more))
    taken = {service: (system.number(service, BYTES) - before) / more for service, before in empty.items()}
    report.say(f"questions at {events:,} events")
    asked = questions.answer_times(system, QUESTIONS)
    report.say(f"rebuild of everything at {events:,} events")
    return Grown(system.head, caught_up, asked, rebuilding.rebuild(system, ALL), taken)


def figures(grown: Grown) -> Iterator[Figure]:
    group = f"at {grown.events:,} events"
    caught_up, rebuilt = grown.caught_up, grown.rebuilt
    beside = f"{caught_up.processor_micros:.0f} µs/event of timeline's own"
    yield Figure(group, "catch-up over the stream", "/s", [caught_up.rate], None, beside)
    beside = f"own {1e6 * rebuilt.processor_seconds / grown.events:.0f} µs/event, start included"
    limit = Limit(at_least=rebuilding.EVENTS_MIN)
    yield Figure(group, "rebuild of everything in one pass", "/s", [rebuilt.rate], limit, beside)
    limit = Limit(at_most=rebuilding.MEMORY_MIB_MAX)
    yield Figure(group, "most memory of the rebuild", "MiB", [rebuilt.memory_mib], limit)
    yield from _questions(group, grown.asked)
    for service, taken in grown.bytes_an_event.items():
        yield Figure(group, f"{service}'s database, of what was added", "bytes/event", [taken])


def _questions(group: str, asked: Mapping[str, Milliseconds]) -> Iterator[Figure]:
    row_p50, row_p99 = questions.p50_and_p99(asked[YARDSTICK])
    for name, times in asked.items():
        p50, p99 = questions.p50_and_p99(times)
        beside = f"p50 {p50:.2f} ms"
        if name == YARDSTICK:
            yield Figure(group, f"{name}, p99", "ms", [p99], None, beside)
        else:
            limit = Limit(at_most=TIMES_A_ROW_MAX)
            beside = f"p99 {p99:.2f} ms, {beside}, {p50 / row_p50:.2f}× of the row's"
            yield Figure(group, f"{name}, p99 ÷ the row's", "×", [p99 / row_p99], limit, beside)

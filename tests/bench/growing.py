"""How the log grows: what an append, a load and a byte of it cost at 10,000 events, and at a million."""

from dataclasses import dataclass

from tests.bench import filling
from tests.bench.appending.contest import contest
from tests.bench.arena import OURS, Arena, arena
from tests.bench.figures import Figure, Limit, Report
from tests.bench.reconciling import NotReconciled

WRITERS = 8
SMALL_EVENTS = 10_000
# Where a log a hundred times as long costs a fifth more, nothing grows but the depth of the indexes.
SLOWER_MAX = 1.2
GROUP = f"the log as it grows, {WRITERS} concurrent writers"
COUNT = "select count(*), coalesce(max(position), 0) from events"
BYTES = "select pg_table_size('events'), pg_indexes_size('events')"


@dataclass
class Grown:
    """A log at one size."""

    events: int
    rates: list[float]
    microseconds: list[float]
    table_bytes: float
    index_bytes: float


def measure(report: Report, rounds: int, seconds: float, events: int) -> None:
    with arena([OURS]) as here:
        logs = [_grown(here, report, rounds, seconds, size) for size in (SMALL_EVENTS, events)]
        report.reconciled.append(_reconciled(here))
    report.add(*_figures(*logs))


def _grown(here: Arena, report: Report, rounds: int, seconds: float, size: int) -> Grown:
    report.say(f"filling the log up to {size:,} events")
    count, _ = here.row(OURS, COUNT)
    filling.fill(here.dsn(OURS), size - count)
    here.execute("checkpoint")
    table, indexes = here.row(OURS, BYTES)
    grown = Grown(size, [], [], table / size, indexes / size)
    for number in range(1, rounds + 1):
        report.say(f"appends to {size:,} events, round {number} of {rounds}")
        contested = contest(OURS, here.dsn(OURS), WRITERS, seconds)
        grown.rates.append(contested.rate)
        grown.microseconds.append(1e6 * contested.processor_seconds / contested.appended)
    return grown


def _figures(small: Grown, large: Grown) -> list[Figure]:
    slower = [rate / other for rate, other in zip(small.rates, large.rates, strict=True)]
    lines = [
        Figure(GROUP, f"appends to {each.events:,} events", "/s", each.rates, beside=_beside(each))
        for each in (small, large)
    ]
    sizes = [
        Figure(
            GROUP,
            f"on disk at {each.events:,} events",
            "bytes an event",
            [each.table_bytes + each.index_bytes],
            beside=f"table {each.table_bytes:.0f}, indexes {each.index_bytes:.0f}",
        )
        for each in (small, large)
    ]
    what = f"appends to {small.events:,} ÷ to {large.events:,}"
    return [*lines, Figure(GROUP, what, "×", slower, Limit(at_most=SLOWER_MAX)), *sizes]


def _beside(grown: Grown) -> str:
    return f"writing process {sorted(grown.microseconds)[len(grown.microseconds) // 2]:.0f} µs an event"


def _reconciled(here: Arena) -> str:
    rows, last = here.row(OURS, COUNT)
    if rows != last:
        raise NotReconciled(f"the log has {rows} events and ends at {last}")
    return f"the log as it grows: {rows:,} events, the last is {last:,}"

"""Gap-free appends through the library, beside peers, a bare insert and COPY, on the same server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.bench.appending.contest import Contested, contest
from tests.bench.arena import OURS, Arena, arena
from tests.bench.figures import Figure, Limit, Report, in_turn, ratios
from tests.bench.reconciling import NotReconciled

WRITERS = (1, 8, 32)
# How many times as fast as the fastest peer, by the number of writers.
ADVANTAGES_MIN = {8: 2.0, 32: 3.0}
PEERS = ("eventsourcing-functions", "eventsourcing", "eventsource-py")
CONTESTANTS = {
    OURS: "Milepost, grouped",
    "eventsourcing-functions": "eventsourcing, database functions",
    "eventsourcing": "eventsourcing, as it comes",
    "eventsource-py": "eventsource-py, its PostgreSQL store",
    "one-statement": "bare insert, not gap-free",
    "copy": "bare COPY, 100 events a commit",
}
COUNTS = {
    OURS: "select count(*), coalesce(max(position), 0) from events",
    "eventsourcing-functions": "select count(*), coalesce(max(notification_id), 0) from functions_events",
    "eventsourcing": "select count(*), coalesce(max(notification_id), 0) from plain_events",
    "eventsource-py": "select count(*), coalesce(max(global_position), 0) from events",
    "one-statement": "select count(*), coalesce(max(position), 0) from bare_events",
    "copy": "select count(*), coalesce(max(position), 0) from bare_events",
}


@dataclass
class Contest:
    """How many events were acknowledged in each database, and what was measured."""

    arena: Arena
    acknowledged: dict[str, int] = field(default_factory=dict)
    measured: dict[tuple[str, int], list[Contested]] = field(default_factory=dict)

    def measure(self, contestant: str, writers: int, seconds: float) -> Callable[[], float]:
        def once() -> float:
            self.arena.execute("checkpoint")
            contested = contest(contestant, self.arena.dsn(contestant), writers, seconds)
            total = contested.appended_before + contested.appended
            self.acknowledged[contestant] = self.acknowledged.get(contestant, 0) + total
            self.measured.setdefault((contestant, writers), []).append(contested)
            return contested.rate

        return once

    def reconcile(self) -> Iterator[str]:
        """What was acknowledged is there, and in Milepost's log it is numbered without a gap."""
        for contestant, acknowledged in self.acknowledged.items():
            rows, last = self.arena.row(contestant, COUNTS[contestant])
            if rows != acknowledged or (contestant == OURS and last != acknowledged):
                raise NotReconciled(
                    f"{contestant}: {acknowledged} acknowledged, {rows} there, the last is {last}"
                )
            yield f"appends, {CONTESTANTS[contestant]}: {acknowledged:,} acknowledged and there, the last is {last:,}"


def measure(report: Report, rounds: int, seconds: float) -> None:
    with arena(list(CONTESTANTS)) as place:
        here = Contest(place)
        for writers in WRITERS:
            names = {name: here.measure(name, writers, seconds) for name in CONTESTANTS}
            report.say(f"appends, {writers} concurrent writers")
            rates = in_turn(names, rounds, report.say)
            report.add(*figures(here, writers, rates))
        report.reconciled += here.reconcile()


def figures(here: Contest, writers: int, rates: dict[str, list[float]]) -> Iterator[Figure]:
    group = f"appends through the library, {writers} concurrent writer{'s' if writers > 1 else ''}, 1-event commits"
    for name, what in CONTESTANTS.items():
        used = [1e6 * each.processor_seconds / each.appended for each in here.measured[name, writers]]
        beside = f"writing process {sorted(used)[len(used) // 2]:.0f} µs an event"
        yield Figure(group, what, "/s", rates[name], beside=beside)
    limit = Limit(at_least=ADVANTAGES_MIN[writers]) if writers in ADVANTAGES_MIN else None
    fastest = [max(together) for together in zip(*(rates[peer] for peer in PEERS), strict=True)]
    yield Figure(group, "Milepost ÷ the fastest peer", "×", ratios(rates[OURS], fastest), limit)

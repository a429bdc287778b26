"""Gap-free appends through the library, beside the peer's two recorders and a bare insert, on the same server."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from deploy.local.postgres import EmbeddedPostgres
from tests.bench.appending.contest import Contested, contest
from tests.bench.figures import Figure, Limit, Report, in_turn, ratios
from tests.bench.reconciling import NotReconciled
from tests.support.databases import Databases, FreshDatabase
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.servers import embedded_postgres

WRITERS = (1, 8, 32)
WRITERS_LIMITED = 8
ADVANTAGE_MIN = 2.0
PEER = "eventsourcing-functions"
CONTESTANTS = {
    "milepost": "Milepost, grouped",
    PEER: "eventsourcing, database functions",
    "eventsourcing": "eventsourcing, as it comes",
    "one-statement": "bare insert, not gap-free",
}
COUNTS = {
    "milepost": "select count(*), coalesce(max(position), 0) from events",
    PEER: "select count(*), coalesce(max(notification_id), 0) from functions_events",
    "eventsourcing": "select count(*), coalesce(max(notification_id), 0) from plain_events",
    "one-statement": "select count(*), coalesce(max(position), 0) from one_statement_events",
}


@dataclass
class Contest:
    """One server, a database for each contestant, and how many events were acknowledged in each."""

    server: EmbeddedPostgres
    databases: dict[str, FreshDatabase]
    acknowledged: dict[str, int] = field(default_factory=dict)
    measured: dict[tuple[str, int], list[Contested]] = field(default_factory=dict)

    def measure(self, contestant: str, writers: int, seconds: float) -> Callable[[], float]:
        def once() -> float:
            self.execute("checkpoint")
            contested = contest(contestant, self.dsn(contestant), writers, seconds)
            total = contested.appended_before + contested.appended
            self.acknowledged[contestant] = self.acknowledged.get(contestant, 0) + total
            self.measured.setdefault((contestant, writers), []).append(contested)
            return contested.rate

        return once

    def dsn(self, contestant: str) -> str:
        database = self.databases[contestant]
        return database.dsn(SERVICE, PASSWORD) if contestant == "milepost" else database.admin_dsn

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def reconcile(self) -> Iterator[str]:
        """What was acknowledged is there, and in Milepost's log it is numbered without a gap."""
        for contestant, acknowledged in self.acknowledged.items():
            with psycopg.connect(self.databases[contestant].admin_dsn) as connection:
                row = connection.execute(COUNTS[contestant].encode()).fetchone()
            assert row is not None
            rows, last = row
            if rows != acknowledged or (contestant == "milepost" and last != acknowledged):
                raise NotReconciled(
                    f"{contestant}: {acknowledged} acknowledged, {rows} there, the last is {last}"
                )
            yield f"appends, {CONTESTANTS[contestant]}: {acknowledged:,} acknowledged and there, the last is {last:,}"


def measure(report: Report, rounds: int, seconds: float) -> None:
    with arena() as here:
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
    limit = Limit(at_least=ADVANTAGE_MIN) if writers == WRITERS_LIMITED else None
    yield Figure(group, f"Milepost ÷ {CONTESTANTS[PEER]}", "×", ratios(rates["milepost"], rates[PEER]), limit)


@contextmanager
def arena() -> Iterator[Contest]:
    with embedded_postgres() as server:
        yield Contest(server, asyncio.run(_databases(server.dsn())))


async def _databases(admin_dsn: str) -> dict[str, FreshDatabase]:
    databases = Databases(admin_dsn)
    made = {"milepost": await databases.fresh("projects", migrate_projects)}
    return made | {
        name: await databases.fresh("empty", _nothing) for name in CONTESTANTS if name != "milepost"
    }


async def _nothing(template: FreshDatabase) -> None:
    """An empty database is all that the others need: they make their own tables."""

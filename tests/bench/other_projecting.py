"""The peer's projecting: `eventsourcing` keeps one table up to date, by its ProjectionRunner and by hand in batches.

The runner has a transaction for each event. By hand is what somebody would write who needs more: a page of
notifications, folded in memory, written by one statement in one transaction with the tracking of the last.
`python -m tests.bench.other_projecting <dsn> <events> <events of the runner>` fills its log and prints the rates.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Notification, Tracking
from eventsourcing.postgres import PostgresFactory, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import Environment
from psycopg.sql import SQL

from tests.bench.peer import settings_of

EVENTS_AN_AGGREGATE = 50
SECONDS_MAX = 120.0
TABLE = "create table if not exists milestones (milestone_id uuid primary key, forecast_on text not null)"
UPSERT = """
insert into milestones values (%s, %s)
on conflict (milestone_id) do update set forecast_on = excluded.forecast_on
"""
UPSERT_MANY = """
insert into milestones select * from unnest(%s::uuid[], %s::text[])
on conflict (milestone_id) do update set forecast_on = excluded.forecast_on
"""
PAGE_EVENTS = 2_000


class Milestone(Aggregate):
    @event("Planned")
    def __init__(self, forecast_on: str) -> None:
        self.forecast_on = forecast_on

    @event("Reforecast")
    def reforecast(self, forecast_on: str, reason: str) -> None:
        self.forecast_on = forecast_on


class Milestones(Application[Any]):
    name = "milestones"


class Backlog(Milestones):
    """A log of its own, which the runner need not follow."""

    name = "backlog"


class MilestonesView(PostgresTrackingRecorder):
    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(SQL(TABLE).format())

    def write(self, milestone_id: Any, forecast_on: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(UPSERT, (milestone_id, forecast_on), prepare=True)

    def write_many(self, forecasts: Mapping[Any, str], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(UPSERT_MANY, (list(forecasts), list(forecasts.values())), prepare=True)


class MilestonesProjection(Projection[MilestonesView]):
    name = "milestones_projection"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.write(domain_event.originator_id, domain_event.forecast_on, tracking)


@dataclass(frozen=True, slots=True)
class Rates:
    """Events a second: by the runner, in batches by hand, and only read, as notifications and as domain events."""

    runner: float
    batches: float
    selected: float
    decoded: float


def rates(dsn: str, events: int, events_of_runner: int) -> Rates:
    """Run it in a process of its own; blocking."""
    command = [sys.executable, "-m", "tests.bench.other_projecting", dsn, str(events), str(events_of_runner)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * SECONDS_MAX)
    if process.returncode != 0:
        raise RuntimeError(f"the peer's projecting failed: {process.stderr[-2000:]}")
    return Rates(**json.loads(process.stdout))


def measured(dsn: str, events: int, events_of_runner: int) -> Rates:
    settings = settings_of(dsn)
    application = Milestones(settings)
    _plan(application, events_of_runner)
    runner = _run(settings, events_of_runner, application)
    backlog = Backlog(settings)
    _plan(backlog, events)
    decode = backlog.mapper.to_domain_event
    return Rates(
        runner,
        batches=_timed(events, lambda: _fold_in_batches(settings, backlog, events)),
        selected=_timed(events, lambda: sum(1 for page in _pages(backlog, events) for _ in page)),
        decoded=_timed(events, lambda: sum(1 for page in _pages(backlog, events) for _ in map(decode, page))),
    )


def _timed(events: int, read: Callable[[], int]) -> float:
    started = time.monotonic()
    assert read() == events
    return events / (time.monotonic() - started)


def _pages(application: Milestones, events: int) -> Iterator[Sequence[Notification]]:
    """The last events of the log, in pages."""
    last = (application.recorder.max_notification_id() or 0) - events
    while page := application.recorder.select_notifications(last, PAGE_EVENTS, inclusive_of_start=False):
        yield page
        last = page[-1].id


def _fold_in_batches(settings: Mapping[str, str], application: Milestones, events: int) -> int:
    count = 0
    with PostgresFactory(Environment("by_hand", settings)) as factory:
        view = factory.tracking_recorder(MilestonesView)
        for page in _pages(application, events):
            found: list[Any] = [application.mapper.to_domain_event(each) for each in page]
            forecasts = {each.originator_id: each.forecast_on for each in found}
            view.write_many(forecasts, Tracking("by_hand", page[-1].id))
            count += len(page)
    return count


def _run(settings: Mapping[str, str], events: int, application: Milestones) -> float:
    last = application.recorder.max_notification_id()
    started = time.monotonic()
    with ProjectionRunner(
        application_class=Milestones,
        projection_class=MilestonesProjection,
        view_class=MilestonesView,
        env=settings,
    ) as runner:
        runner.wait(last, timeout=SECONDS_MAX)
        assert runner.projection.view.max_tracking_id(Milestones.name) == last
    return events / (time.monotonic() - started)


def _plan(application: Milestones, events: int) -> None:
    for number in range(events // EVENTS_AN_AGGREGATE):
        milestone = Milestone(forecast_on="2030-01-01")
        for day in range(1, EVENTS_AN_AGGREGATE):
            milestone.reforecast(f"2030-02-{1 + day % 28:02}", f"The supplier delivers later, {number}")
        application.save(milestone)


if __name__ == "__main__":
    dsn, events, events_of_runner = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(measured(dsn, int(events), int(events_of_runner)))))

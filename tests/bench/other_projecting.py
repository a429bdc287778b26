"""The peer's projecting: `eventsourcing`'s ProjectionRunner keeps one table up to date, a transaction for each event.

`python -m tests.bench.other_projecting <dsn> <events>` fills its log, projects it, and prints events a second.
"""

import json
import subprocess
import sys
import time
from typing import Any

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from tests.bench.peer import settings_of

EVENTS_AN_AGGREGATE = 50
SECONDS_MAX = 120.0
TABLE = "create table if not exists milestones (milestone_id uuid primary key, forecast_on text not null)"
UPSERT = """
insert into milestones values (%s, %s)
on conflict (milestone_id) do update set forecast_on = excluded.forecast_on
"""


class Milestone(Aggregate):
    @event("Planned")
    def __init__(self, forecast_on: str) -> None:
        self.forecast_on = forecast_on

    @event("Reforecast")
    def reforecast(self, forecast_on: str, reason: str) -> None:
        self.forecast_on = forecast_on


class Milestones(Application[Any]):
    name = "milestones"


class MilestonesView(PostgresTrackingRecorder):
    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(SQL(TABLE).format())

    def write(self, milestone_id: Any, forecast_on: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(UPSERT, (milestone_id, forecast_on), prepare=True)


class MilestonesProjection(Projection[MilestonesView]):
    name = "milestones_projection"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.write(domain_event.originator_id, domain_event.forecast_on, tracking)


def events_a_second(dsn: str, events: int) -> float:
    """Run it in a process of its own; blocking."""
    command = [sys.executable, "-m", "tests.bench.other_projecting", dsn, str(events)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * SECONDS_MAX)
    if process.returncode != 0:
        raise RuntimeError(f"the peer's projecting failed: {process.stderr[-2000:]}")
    return float(json.loads(process.stdout))


def project(dsn: str, events: int) -> float:
    settings = settings_of(dsn)
    application = Milestones(settings)
    last = None
    for number in range(events // EVENTS_AN_AGGREGATE):
        milestone = Milestone(forecast_on="2030-01-01")
        for day in range(1, EVENTS_AN_AGGREGATE):
            milestone.reforecast(f"2030-02-{1 + day % 28:02}", f"The supplier delivers later, {number}")
        last = application.save(milestone)[-1].notification.id
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(project(sys.argv[1], int(sys.argv[2]))))

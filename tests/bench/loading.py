"""One aggregate of 100 events read from the log and folded, beside the peer's `repository.get` of as many."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import uvloop

from libs.chassis.ids import new_id
from libs.chassis.postgres import Database
from libs.events.envelope import EventData, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.schedule import MilestonePlanned
from services.projects.loading import Aggregates
from services.projects.schedule.milestone.life import AGGREGATE
from tests.bench.appending.load import FIRST_DAY, reforecast
from tests.bench.arena import OURS, arena
from tests.bench.figures import Figure, Report, in_turn, ratios
from tests.bench.other_projecting import Milestone, Milestones
from tests.bench.peer import settings_of

PEER = "eventsourcing"
EVENTS = 100
AGGREGATES = 50
LOADS_A_ROUND = 200
GROUP = f"one aggregate of {EVENTS} events, read and folded"
ORG_ID, ACTOR, PROJECT_ID = uuid4(), uuid4(), uuid4()


@dataclass
class Ours:
    """The log in an event loop of its own; nothing is kept in memory between loads."""

    runner: asyncio.Runner
    log: Log
    ids: list[UUID]

    def milliseconds(self) -> float:
        return self.runner.run(self._milliseconds())

    async def _milliseconds(self) -> float:
        started = time.perf_counter()
        for milestone_id in random.choices(self.ids, k=LOADS_A_ROUND):
            loaded = await Aggregates(self.log).current(AGGREGATE, ORG_ID, milestone_id)
            assert loaded is not None
            assert loaded.version == EVENTS
        return 1e3 * (time.perf_counter() - started) / LOADS_A_ROUND


@dataclass
class Theirs:
    application: Milestones
    ids: list[UUID]

    def milliseconds(self) -> float:
        started = time.perf_counter()
        for milestone_id in random.choices(self.ids, k=LOADS_A_ROUND):
            assert self.application.repository.get(milestone_id).version == EVENTS
        return 1e3 * (time.perf_counter() - started) / LOADS_A_ROUND


def measure(report: Report, rounds: int) -> None:
    with arena([OURS, PEER]) as here, _ours(here.dsn(OURS)) as ours, _theirs(here.dsn(PEER)) as theirs:
        ours.milliseconds(), theirs.milliseconds()
        waits = in_turn({OURS: ours.milliseconds, PEER: theirs.milliseconds}, rounds, report.say)
    report.add(
        Figure(GROUP, "Milepost", "ms", waits[OURS]),
        Figure(GROUP, "eventsourcing, repository.get", "ms", waits[PEER]),
        Figure(GROUP, "eventsourcing ÷ Milepost", "×", ratios(waits[PEER], waits[OURS])),
    )


@contextmanager
def _ours(dsn: str) -> Iterator[Ours]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        database = runner.run(Database.connect(dsn, application_name="bench", connections_max=1))
        log = Log(database)
        ids = [new_id() for _ in range(AGGREGATES)]
        for milestone_id in ids:
            [outcome] = runner.run(log.append([_life(milestone_id)]))
            assert isinstance(outcome, Appended), outcome
        yield Ours(runner, log, ids)
        runner.run(database.close())


def _life(milestone_id: UUID) -> Recording:
    """A milestone that was moved again and again, recorded at once."""
    stream = stream_name(AGGREGATE.name, milestone_id)
    planned = MilestonePlanned(project_id=PROJECT_ID, name="Beta", target_on=FIRST_DAY)
    told: list[EventData] = [planned, *map(reforecast, range(EVENTS - 1))]
    events = tuple(
        NewEvent(new_id(), stream, version, PROJECT_ID, data) for version, data in enumerate(told, start=1)
    )
    return Recording(ORG_ID, ACTOR, (Expectation(stream, 0),), events, Answer(200, b""))


@contextmanager
def _theirs(dsn: str) -> Iterator[Theirs]:
    application = Milestones(settings_of(dsn))
    ids = []
    for _ in range(AGGREGATES):
        milestone = Milestone(forecast_on=FIRST_DAY.isoformat())
        for number in range(EVENTS - 1):
            milestone.reforecast(reforecast(number).forecast_on.isoformat(), "The supplier delivers later")
        application.save(milestone)
        ids.append(milestone.id)
    yield Theirs(application, ids)
    application.close()

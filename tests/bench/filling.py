"""Fills the log with a portfolio's ordinary history, through the library, as fast as the library goes."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import TypeVar
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from libs.chassis.postgres import Database
from libs.events.envelope import EventData, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.portfolio import ProjectProposed, StateCategory
from libs.events.raid import (
    EstimateUnit,
    IssueAssigned,
    IssueCommentedOn,
    IssueEstimated,
    IssueRaised,
    IssueTransitioned,
    Priority,
)
from libs.events.schedule import (
    Cause,
    CauseClass,
    MilestoneAchieved,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneReforecast,
)

CHUNK_EVENTS = 500
PROJECTS = 40
MILESTONES, ISSUES = 5, 20
FORECASTS = 6
FIRST_DAY = date(2030, 1, 1)
ACTOR, ORG_ID = uuid4(), uuid4()
STATES = (
    ("To do", StateCategory.TODO),
    ("In progress", StateCategory.ACTIVE),
    ("Waiting", StateCategory.WAITING),
    ("In progress", StateCategory.ACTIVE),
    ("Done", StateCategory.DONE),
)
Told = tuple[str, UUID, EventData]
Step = TypeVar("Step")


def fill(dsn: str, count: int) -> None:
    """Append that many events; blocking."""
    asyncio.run(_fill(dsn, count))


async def _fill(dsn: str, count: int) -> None:
    database = await Database.connect(dsn, application_name="bench", connections_max=1)
    try:
        log = Log(database)
        remaining = islice(recordings(), count)
        while chunk := list(islice(remaining, CHUNK_EVENTS)):
            outcomes = await log.append(chunk)
            assert all(isinstance(outcome, Appended) for outcome in outcomes), outcomes
    finally:
        await database.close()


def recordings() -> Iterator[Recording]:
    """One event each, without end; each builds on the one before it on its stream."""
    versions: dict[str, int] = {}
    for stream, project_id, data in history():
        version = versions[stream] = versions.get(stream, 0) + 1
        event = NewEvent(uuid7(), stream, version, project_id, data)
        yield Recording(ORG_ID, ACTOR, (Expectation(stream, version - 1),), (event,), Answer(200, b""))


def history() -> Iterator[Told]:
    """The lives of many projects side by side, wave after wave, so that neighbors in the log are not of one stream."""
    while True:
        yield from in_turn([list(life_of_a_project()) for _ in range(PROJECTS)])


def in_turn(lives: Sequence[Sequence[Step]]) -> Iterator[Step]:
    """The first step of each life, then the second of each, and so on."""
    for step in range(max(len(life) for life in lives)):
        yield from (life[step] for life in lives if step < len(life))


def life_of_a_project() -> Iterator[Told]:
    project_id = uuid7()
    yield (
        stream_name("project", project_id),
        project_id,
        ProjectProposed(project_id=project_id, name="The new line"),
    )
    milestones = [list(life_of_a_milestone(project_id, number)) for number in range(MILESTONES)]
    issues = [list(life_of_an_issue(project_id, number)) for number in range(ISSUES)]
    yield from in_turn([*milestones, *issues])


def life_of_a_milestone(project_id: UUID, number: int) -> Iterator[Told]:
    stream, day = stream_name("milestone", uuid7()), FIRST_DAY
    yield stream, project_id, MilestonePlanned(project_id=project_id, name=f"Sample {number}", target_on=day)
    yield stream, project_id, MilestoneCommitted(baseline_on=day)
    cause = Cause(cause_class=CauseClass.EXTERNAL, note="The supplier's own supplier is late")
    for _ in range(FORECASTS):
        before, day = day, day + timedelta(days=9)
        moved = MilestoneReforecast(
            forecast_on_before=before,
            forecast_on=day,
            reason="The supplier moved the delivery",
            caused_by=(cause,),
        )
        yield stream, project_id, moved
    yield stream, project_id, MilestoneAchieved(achieved_on=day)


def life_of_an_issue(project_id: UUID, number: int) -> Iterator[Told]:
    stream, assignee_id = stream_name("issue", uuid7()), uuid4()
    (state, category), *others = STATES
    yield (
        stream,
        project_id,
        IssueRaised(
            project_id=project_id,
            title=f"The housing of sample {number} does not fit",
            priority=Priority.HIGH,
            state=state,
            category=category,
        ),
    )
    yield stream, project_id, IssueAssigned(assignee_id=assignee_id, team="Mechanics")
    yield stream, project_id, IssueEstimated(estimate=Decimal(3), unit=EstimateUnit.DAYS)
    for state_after, category_after in others:
        yield (
            stream,
            project_id,
            IssueTransitioned(
                state_before=state, category_before=category, state=state_after, category=category_after
            ),
        )
        state, category = state_after, category_after
    yield stream, project_id, IssueCommentedOn(comment_id=uuid7(), text="It fits now, with the new gasket.")

"""The promise of a milestone: planned, committed to, re-baselined, and reforecast as the truth comes in."""

from dataclasses import replace
from datetime import date
from typing import assert_never
from uuid import UUID

from pydantic import Field

from libs.events.schedule import (
    Cause,
    CauseClass,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneRebaselined,
    MilestoneReforecast,
    MilestoneState,
)
from services.projects.aggregate import (
    Command,
    Day,
    Name,
    Part,
    Reason,
    Rejection,
    Sentence,
    Text,
    begun,
    unbegun,
)
from services.projects.facts import Facts
from services.projects.references import StreamReference, existing, open_project
from services.projects.schedule.milestone.milestone import Milestone, open_milestone

CAUSES_MAX = 20

# --- Commands ---


class PlanMilestone(Command):
    milestone_id: UUID | None = Field(default=None, description="Default: a new one.")
    project_id: UUID
    name: Name
    target_on: Day | None = Field(default=None, description="The first forecast, once one is known.")
    description: Text = ""

    def projects_referred(self) -> tuple[UUID, ...]:
        return (self.project_id,)


class CommitMilestone(Command):
    baseline_on: Day | None = Field(default=None, description="The promised date; default: the forecast.")


class RebaselineMilestone(Command):
    """Moves the promise through an approved change; the forecast follows unless it is given."""

    baseline_on: Day
    forecast_on: Day | None = Field(default=None, description="Default: the new baseline.")
    change: Name = Field(description="The approved change that allows it.")
    reason: Sentence = ""


class SlipCause(Part):
    cause_class: CauseClass
    stream: StreamReference | None = Field(default=None, description="The recorded thing that is the cause.")
    note: Sentence = ""


class ReforecastMilestone(Command):
    forecast_on: Day
    reason: Reason
    caused_by: tuple[SlipCause, ...] = Field(default=(), max_length=CAUSES_MAX)

    def streams_referred(self) -> tuple[str, ...]:
        return tuple(cause.stream for cause in self.caused_by if cause.stream is not None)


PromiseCommand = CommitMilestone | RebaselineMilestone | ReforecastMilestone

# --- Rejections ---


class MilestoneAlreadyPlanned(Rejection):
    """Another milestone was already planned under this id."""


class MilestoneAlreadyCommitted(Rejection):
    """A committed milestone keeps its baseline; re-baseline it, naming the approved change."""


class MilestoneNotCommitted(Rejection):
    """A milestone without a baseline cannot be re-baselined; commit it first."""


class ForecastMissing(Rejection):
    """A milestone without a forecast can only be committed to a date that is named."""


# --- Decide ---

PromiseEvent = MilestonePlanned | MilestoneCommitted | MilestoneRebaselined | MilestoneReforecast


def plan(milestone: Milestone | None, command: PlanMilestone, facts: Facts) -> list[PromiseEvent]:
    open_project(facts, command.project_id)
    planned = MilestonePlanned(
        project_id=command.project_id,
        name=command.name,
        target_on=command.target_on,
        description=command.description,
    )
    if milestone is None:
        return [planned]
    if milestone == evolve(None, planned):
        return []
    raise MilestoneAlreadyPlanned


def decide(milestone: Milestone, command: PromiseCommand, facts: Facts) -> list[PromiseEvent]:
    match command:
        case CommitMilestone():
            return commit(open_milestone(milestone), command)
        case RebaselineMilestone():
            return rebaseline(open_milestone(milestone), command)
        case ReforecastMilestone():
            return reforecast(open_milestone(milestone), command, facts)
    assert_never(command)


def commit(milestone: Milestone, command: CommitMilestone) -> list[PromiseEvent]:
    baseline_on = command.baseline_on or milestone.forecast_on
    if baseline_on is None:
        raise ForecastMissing
    if milestone.baseline_on == baseline_on:
        return []
    if milestone.baseline_on is not None:
        raise MilestoneAlreadyCommitted
    return [
        MilestoneCommitted(baseline_on=baseline_on),
        *expect(milestone, milestone.forecast_on or baseline_on, "The date that was committed to."),
    ]


def rebaseline(milestone: Milestone, command: RebaselineMilestone) -> list[PromiseEvent]:
    if milestone.baseline_on is None:
        raise MilestoneNotCommitted
    if milestone.baseline_on == command.baseline_on:
        return []
    return [
        MilestoneRebaselined(
            baseline_on_before=milestone.baseline_on,
            baseline_on=command.baseline_on,
            change=command.change,
            reason=command.reason,
        ),
        *expect(milestone, command.forecast_on or command.baseline_on, command.change),
    ]


def reforecast(milestone: Milestone, command: ReforecastMilestone, facts: Facts) -> list[PromiseEvent]:
    existing(facts, command.streams_referred())
    caused_by = tuple(Cause(**dict(cause)) for cause in command.caused_by)
    return expect(milestone, command.forecast_on, command.reason, caused_by)


def expect(
    milestone: Milestone, forecast_on: date, reason: str, caused_by: tuple[Cause, ...] = ()
) -> list[PromiseEvent]:
    """A forecast moves by its own event only, also where a baseline moves it: readers need no second rule."""
    if milestone.forecast_on == forecast_on:
        return []
    return [
        MilestoneReforecast(
            forecast_on_before=milestone.forecast_on,
            forecast_on=forecast_on,
            reason=reason,
            caused_by=caused_by,
        )
    ]


# --- Evolve ---


def evolve(milestone: Milestone | None, event: PromiseEvent) -> Milestone:
    if isinstance(event, MilestonePlanned):
        unbegun(milestone)
        return Milestone(
            project_id=event.project_id,
            name=event.name,
            description=event.description,
            state=MilestoneState.PLANNED,
            target_on=event.target_on,
            forecast_on=event.target_on,
        )
    milestone = begun(milestone)
    match event:
        case MilestoneCommitted():
            return replace(
                milestone, state=MilestoneState.COMMITTED, baseline_on=event.baseline_on, baseline_count=1
            )
        case MilestoneRebaselined():
            baselines = milestone.baseline_count + 1
            return replace(milestone, baseline_on=event.baseline_on, baseline_count=baselines)
        case MilestoneReforecast():
            moves = milestone.reforecast_count + (event.forecast_on_before is not None)
            return replace(milestone, forecast_on=event.forecast_on, reforecast_count=moves)
    assert_never(event)

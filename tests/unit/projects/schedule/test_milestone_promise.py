"""What may be promised about a milestone, and what each promise records."""

from dataclasses import replace
from datetime import date

import pytest

from libs.events.envelope import EventData
from libs.events.schedule import (
    Cause,
    CauseClass,
    MilestoneAchieved,
    MilestoneCancelled,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneRebaselined,
    MilestoneReforecast,
    MilestoneState,
)
from services.projects.facts import Facts
from services.projects.references import ProjectIsOver, ProjectUnknown, ReferenceUnknown
from services.projects.schedule.milestone.life import AGGREGATE
from services.projects.schedule.milestone.milestone import (
    Milestone,
    MilestoneAlreadyAchieved,
    MilestoneAlreadyCancelled,
    MilestoneUnknown,
)
from services.projects.schedule.milestone.promise import (
    CommitMilestone,
    ForecastMissing,
    MilestoneAlreadyCommitted,
    MilestoneAlreadyPlanned,
    MilestoneNotCommitted,
    PlanMilestone,
    RebaselineMilestone,
    ReforecastMilestone,
    SlipCause,
)
from tests.support.given import Given, given
from tests.support.worlds import CANCELLED, CLOSED, ON_HOLD, PROJECT_ID, RUNNING, SOME_ISSUE, UNKNOWN_ISSUE
from tests.support.worlds import NOTHING as NOWHERE

DECEMBER, FEBRUARY, MARCH = date(2010, 12, 11), date(2011, 2, 20), date(2011, 3, 1)

PLAN = PlanMilestone(project_id=PROJECT_ID, name="Python 3.2 final", target_on=DECEMBER)
PLANNED = MilestonePlanned(project_id=PROJECT_ID, name="Python 3.2 final", target_on=DECEMBER)
PLANNED_WITHOUT_DATE = MilestonePlanned(project_id=PROJECT_ID, name="Python 3.2 final")
COMMITTED = MilestoneCommitted(baseline_on=DECEMBER)
MOVED = MilestoneReforecast(forecast_on_before=DECEMBER, forecast_on=FEBRUARY, reason="Blockers")
ACHIEVED = MilestoneAchieved(achieved_on=FEBRUARY)
CANCELLATION = MilestoneCancelled(reason="Not wanted", state_before=MilestoneState.COMMITTED)
REFORECAST = ReforecastMilestone(forecast_on=FEBRUARY, reason="Blockers")


def milestone(*history: EventData, facts: Facts = RUNNING) -> Given:
    return given(AGGREGATE, *history, facts=facts)


def test_a_milestone_is_planned_with_a_target() -> None:
    milestone().when(PLAN).then(PLANNED)


def test_a_target_is_the_first_forecast() -> None:
    milestone().when(PLAN).then_state(
        Milestone(
            project_id=PROJECT_ID,
            name="Python 3.2 final",
            description="",
            state=MilestoneState.PLANNED,
            target_on=DECEMBER,
            forecast_on=DECEMBER,
        )
    )


def test_a_milestone_may_be_planned_before_its_date_is_known() -> None:
    milestone().when(PlanMilestone(project_id=PROJECT_ID, name="Python 3.2 final")).then(PLANNED_WITHOUT_DATE)


def test_planning_the_same_milestone_twice_does_nothing() -> None:
    milestone(PLANNED).when(PLAN).then_nothing()


def test_another_milestone_cannot_be_planned_under_the_same_id() -> None:
    another = PLAN.model_copy(update={"name": "Python 3.3 final"})
    milestone(PLANNED).when(another).then_rejected(MilestoneAlreadyPlanned)


def test_a_milestone_cannot_be_planned_in_an_unknown_project() -> None:
    milestone(facts=NOWHERE).when(PLAN).then_rejected(ProjectUnknown)


@pytest.mark.parametrize("facts", [CLOSED, CANCELLED], ids=["closed", "cancelled"])
def test_nothing_is_planned_or_moved_in_a_project_that_is_over(facts: Facts) -> None:
    milestone(facts=facts).when(PLAN).then_rejected(ProjectIsOver)
    milestone(PLANNED, facts=facts).when(REFORECAST).then_rejected(ProjectIsOver)


def test_a_milestone_of_a_project_on_hold_may_still_be_reforecast() -> None:
    milestone(PLANNED, facts=ON_HOLD).when(REFORECAST).then(MOVED)


def test_a_milestone_that_was_never_planned_is_unknown() -> None:
    milestone().when(REFORECAST).then_rejected(MilestoneUnknown)


def test_a_commitment_is_to_the_forecast_unless_a_date_is_named() -> None:
    milestone(PLANNED).when(CommitMilestone()).then(COMMITTED)
    milestone(PLANNED, MOVED).when(CommitMilestone(baseline_on=DECEMBER)).then(COMMITTED)


def test_a_commitment_needs_some_date() -> None:
    milestone(PLANNED_WITHOUT_DATE).when(CommitMilestone()).then_rejected(ForecastMissing)


def test_a_committed_date_is_the_forecast_where_there_was_none() -> None:
    milestone(PLANNED_WITHOUT_DATE).when(CommitMilestone(baseline_on=DECEMBER)).then(
        COMMITTED, MilestoneReforecast(forecast_on=DECEMBER, reason="The date that was committed to.")
    )


def test_a_commitment_leaves_a_forecast_that_differs_alone() -> None:
    before = milestone(PLANNED, MOVED).state()
    milestone(PLANNED, MOVED).when(CommitMilestone(baseline_on=DECEMBER)).then_state(
        replace(before, state=MilestoneState.COMMITTED, baseline_on=DECEMBER, baseline_count=1)
    )


def test_committing_twice_to_the_same_date_does_nothing() -> None:
    milestone(PLANNED, COMMITTED).when(CommitMilestone(baseline_on=DECEMBER)).then_nothing()


def test_a_second_commitment_to_another_date_points_to_rebaselining() -> None:
    milestone(PLANNED, COMMITTED).when(CommitMilestone(baseline_on=MARCH)).then_rejected(
        MilestoneAlreadyCommitted,
        "A committed milestone keeps its baseline; re-baseline it, naming the approved change.",
    )


def test_a_forecast_moves_with_its_reason_and_causes() -> None:
    command = ReforecastMilestone(
        forecast_on=FEBRUARY,
        reason="Blockers",
        caused_by=(SlipCause(cause_class=CauseClass.DEFECT_OR_REWORK, stream=SOME_ISSUE, note="Crash"),),
    )
    cause = Cause(cause_class=CauseClass.DEFECT_OR_REWORK, stream=SOME_ISSUE, note="Crash")
    milestone(PLANNED).when(command).then(MOVED.model_copy(update={"caused_by": (cause,)}))


def test_a_cause_must_exist() -> None:
    cause = SlipCause(cause_class=CauseClass.DEFECT_OR_REWORK, stream=UNKNOWN_ISSUE)
    command = ReforecastMilestone(forecast_on=FEBRUARY, reason="Blockers", caused_by=(cause,))
    assert command.streams_referred() == (UNKNOWN_ISSUE,)
    milestone(PLANNED).when(command).then_rejected(ReferenceUnknown, f"There is no {UNKNOWN_ISSUE}.")


def test_a_forecast_of_the_same_date_does_nothing() -> None:
    milestone(PLANNED, MOVED).when(REFORECAST).then_nothing()


def test_only_a_forecast_that_replaces_another_counts_as_a_reforecast() -> None:
    first = MilestoneReforecast(forecast_on=DECEMBER, reason="Known at last")
    assert milestone(PLANNED_WITHOUT_DATE, first).state().reforecast_count == 0
    assert milestone(PLANNED_WITHOUT_DATE, first, MOVED).state().reforecast_count == 1


def test_an_achieved_milestone_cannot_be_reforecast() -> None:
    milestone(PLANNED, ACHIEVED).when(REFORECAST).then_rejected(MilestoneAlreadyAchieved)


def test_a_cancelled_milestone_cannot_be_reforecast() -> None:
    milestone(PLANNED, COMMITTED, CANCELLATION).when(REFORECAST).then_rejected(MilestoneAlreadyCancelled)


def test_a_new_baseline_names_the_change_and_takes_the_forecast_along() -> None:
    command = RebaselineMilestone(baseline_on=MARCH, change="CR-7", reason="More scope")
    rebaselined = MilestoneRebaselined(
        baseline_on_before=DECEMBER, baseline_on=MARCH, change="CR-7", reason="More scope"
    )
    moved = MilestoneReforecast(forecast_on_before=DECEMBER, forecast_on=MARCH, reason="CR-7")
    milestone(PLANNED, COMMITTED).when(command).then(rebaselined, moved)


def test_a_new_baseline_on_the_forecast_moves_only_the_baseline() -> None:
    command = RebaselineMilestone(baseline_on=FEBRUARY, change="CR-7")
    rebaselined = MilestoneRebaselined(baseline_on_before=DECEMBER, baseline_on=FEBRUARY, change="CR-7")
    milestone(PLANNED, COMMITTED, MOVED).when(command).then(rebaselined)


def test_a_new_baseline_may_keep_the_forecast_where_it_is() -> None:
    command = RebaselineMilestone(baseline_on=MARCH, forecast_on=FEBRUARY, change="CR-7")
    before = milestone(PLANNED, COMMITTED, MOVED).state()
    milestone(PLANNED, COMMITTED, MOVED).when(command).then_state(
        replace(before, baseline_on=MARCH, baseline_count=2)
    )


def test_a_new_baseline_on_the_same_date_does_nothing() -> None:
    command = RebaselineMilestone(baseline_on=DECEMBER, change="CR-7")
    milestone(PLANNED, COMMITTED, MOVED).when(command).then_nothing()


def test_a_milestone_without_a_baseline_cannot_be_rebaselined() -> None:
    command = RebaselineMilestone(baseline_on=MARCH, change="CR-7")
    milestone(PLANNED).when(command).then_rejected(MilestoneNotCommitted)

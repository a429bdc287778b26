"""How a milestone ends, and how an end is taken back."""

from dataclasses import replace
from datetime import date

import pytest

from libs.events.envelope import EventData
from libs.events.schedule import (
    MilestoneAchieved,
    MilestoneAchievementCorrected,
    MilestoneAchievementWithdrawn,
    MilestoneCancelled,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneReinstated,
    MilestoneState,
)
from services.projects.schedule.milestone.life import AGGREGATE
from services.projects.schedule.milestone.milestone import MilestoneAlreadyAchieved, MilestoneAlreadyCancelled
from services.projects.schedule.milestone.outcome import (
    AchieveMilestone,
    CancelMilestone,
    CorrectAchievement,
    MilestoneNotAchieved,
    ReinstateMilestone,
    WithdrawAchievement,
)
from tests.support.given import Given, given
from tests.support.worlds import PROJECT_ID, RUNNING

DECEMBER, FEBRUARY, MARCH = date(2010, 12, 11), date(2011, 2, 20), date(2011, 3, 1)

PLANNED = MilestonePlanned(project_id=PROJECT_ID, name="Python 3.2 final", target_on=DECEMBER)
COMMITTED = MilestoneCommitted(baseline_on=DECEMBER)
ACHIEVED = MilestoneAchieved(achieved_on=FEBRUARY, note="Shipped")
CANCELLED = MilestoneCancelled(reason="Not wanted", state_before=MilestoneState.COMMITTED)

STATES_BEFORE = pytest.mark.parametrize(
    ("history", "state"),
    [((PLANNED,), MilestoneState.PLANNED), ((PLANNED, COMMITTED), MilestoneState.COMMITTED)],
    ids=["planned", "committed"],
)


def milestone(*history: EventData) -> Given:
    return given(AGGREGATE, *history, facts=RUNNING)


@STATES_BEFORE
def test_an_open_milestone_is_achieved(history: tuple[EventData, ...], state: MilestoneState) -> None:
    before = milestone(*history).state()
    outcome = milestone(*history).when(AchieveMilestone(achieved_on=FEBRUARY, note="Shipped"))
    outcome.then(ACHIEVED)
    outcome.then_state(replace(before, state=MilestoneState.ACHIEVED, achieved_on=FEBRUARY))


def test_achieving_twice_on_the_same_day_does_nothing() -> None:
    milestone(PLANNED, ACHIEVED).when(AchieveMilestone(achieved_on=FEBRUARY)).then_nothing()


def test_another_day_of_achievement_is_a_correction() -> None:
    milestone(PLANNED, ACHIEVED).when(AchieveMilestone(achieved_on=MARCH)).then_rejected(
        MilestoneAlreadyAchieved, "An achieved milestone is settled; correct or withdraw the achievement."
    )


def test_a_cancelled_milestone_cannot_be_achieved() -> None:
    milestone(PLANNED, COMMITTED, CANCELLED).when(AchieveMilestone(achieved_on=MARCH)).then_rejected(
        MilestoneAlreadyCancelled
    )


def test_the_day_of_an_achievement_may_be_corrected() -> None:
    before = milestone(PLANNED, ACHIEVED).state()
    outcome = milestone(PLANNED, ACHIEVED).when(
        CorrectAchievement(achieved_on=MARCH, reason="Typing mistake")
    )
    outcome.then(
        MilestoneAchievementCorrected(achieved_on_before=FEBRUARY, achieved_on=MARCH, reason="Typing mistake")
    )
    outcome.then_state(replace(before, achieved_on=MARCH))


def test_correcting_to_the_same_day_does_nothing() -> None:
    milestone(PLANNED, ACHIEVED).when(CorrectAchievement(achieved_on=FEBRUARY, reason="None")).then_nothing()


def test_only_an_achievement_that_was_recorded_is_corrected_or_withdrawn() -> None:
    correction = CorrectAchievement(achieved_on=MARCH, reason="Typing mistake")
    milestone(PLANNED).when(correction).then_rejected(MilestoneNotAchieved)
    milestone(PLANNED).when(WithdrawAchievement(reason="It was not met")).then_rejected(MilestoneNotAchieved)


@STATES_BEFORE
def test_withdrawing_an_achievement_restores_what_was_before(
    history: tuple[EventData, ...], state: MilestoneState
) -> None:
    outcome = milestone(*history, ACHIEVED).when(WithdrawAchievement(reason="It was not met"))
    outcome.then(
        MilestoneAchievementWithdrawn(achieved_on_before=FEBRUARY, state=state, reason="It was not met")
    )
    outcome.then_state(milestone(*history).state())


def test_an_achieved_milestone_cannot_be_cancelled() -> None:
    milestone(PLANNED, ACHIEVED).when(CancelMilestone(reason="Not wanted")).then_rejected(
        MilestoneAlreadyAchieved
    )


def test_cancelling_twice_does_nothing() -> None:
    milestone(PLANNED, COMMITTED, CANCELLED).when(CancelMilestone(reason="Really not")).then_nothing()


@STATES_BEFORE
def test_reinstating_a_cancelled_milestone_restores_what_was_before(
    history: tuple[EventData, ...], state: MilestoneState
) -> None:
    outcome = milestone(*history).when(CancelMilestone(reason="Not wanted"))
    outcome.then(MilestoneCancelled(reason="Not wanted", state_before=state))
    again = milestone(*history, *outcome.events).when(ReinstateMilestone(reason="Wanted again"))
    again.then(MilestoneReinstated(reason="Wanted again", state=state))
    again.then_state(milestone(*history).state())


def test_reinstating_a_milestone_that_is_in_the_plan_does_nothing() -> None:
    milestone(PLANNED).when(ReinstateMilestone(reason="Wanted")).then_nothing()

"""No sequence of accepted commands leads a milestone into a history that cannot be read."""

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.schedule import CauseClass
from services.projects.aggregate import Command
from services.projects.schedule.milestone.life import AGGREGATE
from services.projects.schedule.milestone.outcome import (
    AchieveMilestone,
    CancelMilestone,
    CorrectAchievement,
    ReinstateMilestone,
    WithdrawAchievement,
)
from services.projects.schedule.milestone.promise import (
    CommitMilestone,
    PlanMilestone,
    RebaselineMilestone,
    ReforecastMilestone,
    SlipCause,
)
from tests.support.given import decided
from tests.support.lives import days, lived, lives, some, words
from tests.support.worlds import PROJECT_ID, RUNNING, SOME_ISSUE, UNKNOWN_ISSUE

maybe_a_day = st.none() | days
causes = st.builds(
    SlipCause,
    cause_class=st.sampled_from(CauseClass),
    stream=st.sampled_from([None, SOME_ISSUE, UNKNOWN_ISSUE]),
    note=words,
)
PLAN = some(PlanMilestone, project_id=st.just(PROJECT_ID), name=words, target_on=maybe_a_day)
OTHERS = (
    some(CommitMilestone, baseline_on=maybe_a_day),
    some(RebaselineMilestone, baseline_on=days, forecast_on=maybe_a_day, change=words),
    some(
        ReforecastMilestone,
        forecast_on=days,
        reason=words,
        caused_by=st.lists(causes, max_size=2).map(tuple),
    ),
    some(AchieveMilestone, achieved_on=days),
    some(CorrectAchievement, achieved_on=days, reason=words),
    some(WithdrawAchievement, reason=words),
    some(CancelMilestone, reason=words),
    some(ReinstateMilestone, reason=words),
)


@given(PLAN, lives(PLAN, *OTHERS))
@settings(max_examples=60, deadline=None)
def test_any_accepted_life_of_a_milestone_can_be_read_again(plan: Command, life: list[Command]) -> None:
    lived(AGGREGATE, [plan, *life], RUNNING)


@given(PLAN, lives(*OTHERS))
@settings(max_examples=60, deadline=None)
def test_whatever_was_done_to_a_milestone_doing_it_again_records_nothing(
    plan: Command, life: list[Command]
) -> None:
    state = None
    for command in [plan, *life]:
        state = decided(AGGREGATE, state, command, RUNNING).state
        assert decided(AGGREGATE, state, command, RUNNING).events == []

"""No sequence of accepted commands leads an issue into a history that cannot be read."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.raid import EstimateUnit, IssueKind, LinkRelation, Priority
from services.projects.aggregate import Command
from services.projects.raid.issue.ending import CancelIssue, MoveIssue, ReopenIssue
from services.projects.raid.issue.intake import AssignIssue, EstimateIssue, RaiseIssue, TriageIssue
from services.projects.raid.issue.life import AGGREGATE
from services.projects.raid.issue.work import (
    BlockIssue,
    CommentOnIssue,
    LinkIssue,
    TransitionIssue,
    UnblockIssue,
)
from tests.support.given import decided
from tests.support.lives import lived, lives, some, words
from tests.support.worlds import (
    OTHER_PROJECT_ID,
    PERSON_ID,
    PROJECT_ID,
    RUNNING,
    SOME_ISSUE,
    SOME_MILESTONE,
    UNKNOWN_ISSUE,
    UNKNOWN_PROJECT_ID,
)

projects = st.sampled_from([PROJECT_ID, OTHER_PROJECT_ID, UNKNOWN_PROJECT_ID])
states = st.sampled_from(["To do", "In progress", "Done", "Cancelled", "Reported", "Solved", "Queued"])
streams = st.sampled_from([SOME_ISSUE, SOME_MILESTONE, UNKNOWN_ISSUE])
RAISE = some(
    RaiseIssue,
    project_id=st.just(PROJECT_ID),
    title=words,
    kind=st.sampled_from(IssueKind),
    state=st.sampled_from([None, "To do", "Done"]),
)
REPEATABLE = (
    some(TriageIssue, kind=st.sampled_from([None, *IssueKind]), priority=st.sampled_from(Priority)),
    some(AssignIssue, assignee_id=st.sampled_from([None, PERSON_ID]), team=st.none() | words),
    some(
        EstimateIssue,
        estimate=st.decimals(Decimal(0), Decimal(9), places=1),
        unit=st.sampled_from(EstimateUnit),
    ),
    some(BlockIssue, reason=words, blocked_by=st.none() | streams),
    some(UnblockIssue, reason=words),
    some(LinkIssue, relation=st.sampled_from(LinkRelation), target=streams),
    some(CommentOnIssue, comment_id=st.integers(0, 2).map(lambda number: UUID(int=number)), text=words),
    some(CancelIssue, reason=words),
    some(ReopenIssue, state=st.none() | states, reason=words),
    some(MoveIssue, project_id=projects),
)
TRANSITION = some(TransitionIssue, state=states, note=words)


@given(RAISE, lives(RAISE, TRANSITION, TRANSITION, *REPEATABLE))
@settings(max_examples=60, deadline=None)
def test_any_accepted_life_of_an_issue_can_be_read_again(raising: Command, life: list[Command]) -> None:
    lived(AGGREGATE, [raising, *life], RUNNING)


@given(RAISE, lives(TRANSITION, *REPEATABLE))
@settings(max_examples=60, deadline=None)
def test_whatever_was_done_to_an_issue_but_a_move_in_its_workflow_doing_it_again_records_nothing(
    raising: Command, life: list[Command]
) -> None:
    state = None
    for command in [raising, *life]:
        state = decided(AGGREGATE, state, command, RUNNING).state
        if not isinstance(command, TransitionIssue):
            assert decided(AGGREGATE, state, command, RUNNING).events == []


@given(RAISE, lives(TRANSITION, TRANSITION, *REPEATABLE))
@settings(max_examples=60, deadline=None)
def test_a_finished_issue_is_never_blocked(raising: Command, life: list[Command]) -> None:
    state = None
    for command in [raising, *life]:
        state = decided(AGGREGATE, state, command, RUNNING).state
        assert not (state.is_finished and state.is_blocked)

"""How an issue is cancelled, reopened, and moved to another project."""

from dataclasses import replace

from libs.events.portfolio import ProjectState, StateCategory, WorkflowState
from libs.events.raid import IssueCancelled, IssueMovedIn, IssueMovedOut, IssueReopened
from services.projects.facts import Facts, ProjectFacts, Workflow
from services.projects.raid.issue.ending import (
    CancelIssue,
    IssueNotFinished,
    MoveIssue,
    ReopenIssue,
    StateFinished,
    WorkflowWithoutState,
)
from services.projects.raid.issue.issue import IssueAlreadyFinished, StateUnknown
from services.projects.references import ProjectIsOver, ProjectUnknown
from tests.support.given import fold
from tests.support.issues import BLOCKED, FINISHED, RAISED, STARTED, issue, moved
from tests.support.worlds import (
    OTHER_PROJECT_ID,
    PROJECT_ID,
    RUNNING,
    SUPPORT_WORKFLOW,
    UNKNOWN_PROJECT_ID,
    world,
)

CANCEL = CancelIssue(reason="Cannot be reproduced")
CANCELLED = IssueCancelled(
    reason="Cannot be reproduced",
    state_before="To do",
    category_before=StateCategory.TODO,
    state="Cancelled",
    category=StateCategory.CANCELLED,
)
MOVE = MoveIssue(project_id=OTHER_PROJECT_ID, reason="Theirs")
MOVED_OUT = IssueMovedOut(to_project_id=OTHER_PROJECT_ID, reason="Theirs")


def moved_in(
    state_before: str, category_before: StateCategory, state: str, category: StateCategory
) -> IssueMovedIn:
    return IssueMovedIn(
        project_id=OTHER_PROJECT_ID,
        from_project_id=PROJECT_ID,
        state_before=state_before,
        category_before=category_before,
        state=state,
        category=category,
    )


def reopened(state: str, category: StateCategory) -> IssueReopened:
    return IssueReopened(
        state_before="Done",
        category_before=StateCategory.DONE,
        state=state,
        category=category,
        reason="Back again",
    )


def test_a_cancelled_issue_stands_in_the_first_cancelled_state_and_is_blocked_no_more() -> None:
    outcome = issue(RAISED, BLOCKED).when(CANCEL)
    outcome.then(CANCELLED)
    outcome.then_state(replace(issue(RAISED).state(), state="Cancelled", category=StateCategory.CANCELLED))


def test_cancelling_twice_does_nothing() -> None:
    issue(RAISED, CANCELLED).when(CANCEL).then_nothing()


def test_a_finished_issue_cannot_be_cancelled() -> None:
    issue(RAISED, FINISHED).when(CANCEL).then_rejected(IssueAlreadyFinished)


def test_a_workflow_without_a_cancelled_state_cannot_cancel() -> None:
    issue(RAISED, facts=world(workflow=SUPPORT_WORKFLOW)).when(CANCEL).then_rejected(
        WorkflowWithoutState, "The workflow of the project has no state of category `cancelled`."
    )


def test_a_finished_issue_is_reopened_to_do() -> None:
    outcome = issue(RAISED, FINISHED).when(ReopenIssue(reason="Back again"))
    outcome.then(reopened("To do", StateCategory.TODO))
    outcome.then_state(replace(issue(RAISED).state(), reopen_count=1))


def test_a_cancelled_issue_is_reopened_where_somebody_says() -> None:
    outcome = issue(RAISED, CANCELLED).when(ReopenIssue(state="In progress", reason="Seen again"))
    outcome.then_state(replace(issue(RAISED, STARTED).state(), reopen_count=1))


def test_a_workflow_without_a_state_to_do_reopens_into_its_first_unfinished_one() -> None:
    issue(RAISED, FINISHED, facts=world(workflow=SUPPORT_WORKFLOW)).when(
        ReopenIssue(reason="Back again")
    ).then(reopened("Reported", StateCategory.WAITING))


def test_a_workflow_of_finished_states_cannot_reopen() -> None:
    workflow = Workflow((WorkflowState(name="Done", category=StateCategory.DONE),))
    issue(RAISED, FINISHED, facts=world(workflow=workflow)).when(
        ReopenIssue(reason="Back again")
    ).then_rejected(WorkflowWithoutState, "The workflow of the project has no unfinished state.")


def test_an_issue_is_reopened_into_an_unfinished_state_of_the_workflow() -> None:
    issue(RAISED, FINISHED).when(ReopenIssue(state="Cancelled", reason="Again")).then_rejected(StateFinished)
    issue(RAISED, FINISHED).when(ReopenIssue(state="Queued", reason="Again")).then_rejected(StateUnknown)


def test_an_issue_that_is_not_finished_is_not_reopened() -> None:
    issue(RAISED).when(ReopenIssue(reason="Again")).then_nothing()
    issue(RAISED, STARTED).when(ReopenIssue(state="In progress", reason="Again")).then_nothing()
    issue(RAISED).when(ReopenIssue(state="In progress", reason="Again")).then_rejected(IssueNotFinished)


def test_a_move_leaves_one_project_and_enters_the_other_in_the_state_of_the_same_name() -> None:
    arrived = moved_in("In progress", StateCategory.ACTIVE, "In progress", StateCategory.ACTIVE)
    outcome = issue(RAISED, STARTED).when(MOVE)
    outcome.then(MOVED_OUT, arrived)
    outcome.then_state(replace(issue(RAISED, STARTED).state(), project_id=OTHER_PROJECT_ID))


def test_each_half_of_a_move_belongs_to_its_own_project() -> None:
    events = issue(RAISED, STARTED).when(MOVE).events
    aggregate = issue().aggregate
    projects = [fold(aggregate, (RAISED, STARTED, *events[: count + 1])).project_id for count in range(2)]
    assert projects == [PROJECT_ID, OTHER_PROJECT_ID]


def test_a_moved_issue_takes_the_first_state_of_its_category() -> None:
    issue(RAISED, FINISHED).when(MOVE).then(
        MOVED_OUT, moved_in("Done", StateCategory.DONE, "Solved", StateCategory.DONE)
    )


def test_a_moved_issue_whose_category_is_unknown_there_begins_at_the_first_state() -> None:
    issue(RAISED).when(MOVE).then(
        MOVED_OUT, moved_in("To do", StateCategory.TODO, "Reported", StateCategory.WAITING)
    )


def test_a_cancelled_issue_that_a_move_puts_back_to_work_is_reopened() -> None:
    arrived = moved_in("Cancelled", StateCategory.CANCELLED, "Reported", StateCategory.WAITING)
    outcome = issue(RAISED, CANCELLED).when(MOVE)
    outcome.then(MOVED_OUT, arrived)
    assert outcome.state.reopen_count == 1


def test_a_block_moves_along() -> None:
    before = issue(RAISED, BLOCKED, STARTED).state()
    issue(RAISED, BLOCKED, STARTED).when(MOVE).then_state(replace(before, project_id=OTHER_PROJECT_ID))


def test_moving_to_the_project_it_is_in_does_nothing() -> None:
    issue(RAISED).when(MoveIssue(project_id=PROJECT_ID)).then_nothing()


def test_an_issue_moves_to_a_project_that_is_known_and_open() -> None:
    elsewhere = MoveIssue(project_id=UNKNOWN_PROJECT_ID)
    assert elsewhere.projects_referred() == (UNKNOWN_PROJECT_ID,)
    issue(RAISED).when(elsewhere).then_rejected(ProjectUnknown)
    over = ProjectFacts(ProjectState.CLOSED, SUPPORT_WORKFLOW)
    facts = Facts({**RUNNING.projects, OTHER_PROJECT_ID: over})
    issue(RAISED, facts=facts).when(MOVE).then_rejected(ProjectIsOver)


def test_a_real_history_goes_on_after_completion() -> None:
    """As in the problem desk's log: completed, accepted again, completed again."""
    again = moved("Done", StateCategory.DONE, "In progress", StateCategory.ACTIVE)
    done = moved("In progress", StateCategory.ACTIVE, "Done", StateCategory.DONE)
    assert issue(RAISED, FINISHED, again, done).state() == replace(
        issue(RAISED, FINISHED).state(), reopen_count=1
    )

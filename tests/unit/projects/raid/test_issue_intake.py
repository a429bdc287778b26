"""How an issue comes in, is triaged, sized and given to somebody."""

from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import ValidationError

from libs.events.portfolio import ProjectState, StateCategory, WorkflowState
from libs.events.raid import (
    EstimateUnit,
    IssueAssigned,
    IssueEstimated,
    IssueKind,
    IssueTriaged,
    Priority,
)
from services.projects.facts import Workflow
from services.projects.raid.issue.intake import (
    AssignIssue,
    EstimateIssue,
    IssueAlreadyRaised,
    RaiseIssue,
    TriageIssue,
)
from services.projects.raid.issue.issue import Issue, IssueUnknown, StateUnknown
from services.projects.references import ProjectIsOver, ProjectUnknown
from tests.support.issues import FINISHED, RAISED, issue
from tests.support.worlds import (
    CLOSED,
    NOTHING,
    ON_HOLD,
    PERSON_ID,
    PROJECT_ID,
    SUPPORT_WORKFLOW,
    UNKNOWN_PROJECT_ID,
    world,
)

RAISE = RaiseIssue(project_id=PROJECT_ID, title="Crash at start", kind=IssueKind.BUG)
TRIAGE = TriageIssue(kind=IssueKind.PROBLEM, priority=Priority.HIGH, note="Seen twice")
TRIAGED = IssueTriaged(
    kind=IssueKind.PROBLEM, kind_before=IssueKind.BUG, priority=Priority.HIGH, note="Seen twice"
)
ASSIGNED = IssueAssigned(assignee_id=PERSON_ID, team="Core")
ESTIMATED = IssueEstimated(estimate=Decimal("1.5"), unit=EstimateUnit.DAYS)


def test_an_issue_is_raised_in_the_first_state_to_do() -> None:
    outcome = issue().when(RAISE)
    outcome.then(RAISED)
    outcome.then_state(
        Issue(
            project_id=PROJECT_ID,
            title="Crash at start",
            description="",
            kind=IssueKind.BUG,
            priority=None,
            state="To do",
            category=StateCategory.TODO,
        )
    )


def test_the_first_state_to_do_need_not_be_the_first_of_the_workflow() -> None:
    workflow = Workflow((*SUPPORT_WORKFLOW.states, WorkflowState(name="To do", category=StateCategory.TODO)))
    issue(facts=world(workflow=workflow)).when(RAISE).then(RAISED)


def test_a_workflow_without_a_state_to_do_begins_with_its_first_state() -> None:
    issue(facts=world(workflow=SUPPORT_WORKFLOW)).when(RAISE).then(
        RAISED.model_copy(update={"state": "Reported", "category": StateCategory.WAITING})
    )


def test_an_issue_may_be_raised_in_any_state_of_the_workflow() -> None:
    issue().when(RAISE.model_copy(update={"state": "Done"})).then(
        RAISED.model_copy(update={"state": "Done", "category": StateCategory.DONE})
    )


def test_an_unknown_state_is_answered_with_those_there_are() -> None:
    issue(facts=world(workflow=SUPPORT_WORKFLOW)).when(
        RAISE.model_copy(update={"state": "Queued"})
    ).then_rejected(
        StateUnknown,
        "The workflow of the project has no state of that name; it has: Reported, Accepted, In progress, Solved.",
    )


def test_raising_the_same_issue_twice_does_nothing() -> None:
    issue(RAISED).when(RAISE).then_nothing()


def test_another_issue_cannot_be_raised_under_the_same_id() -> None:
    issue(RAISED).when(RAISE.model_copy(update={"title": "Crash at exit"})).then_rejected(IssueAlreadyRaised)


def test_an_issue_is_raised_in_a_project_that_is_known_and_open() -> None:
    issue(facts=NOTHING).when(RAISE).then_rejected(ProjectUnknown)
    elsewhere = RAISE.model_copy(update={"project_id": UNKNOWN_PROJECT_ID})
    assert elsewhere.projects_referred() == (UNKNOWN_PROJECT_ID,)
    issue().when(elsewhere).then_rejected(ProjectUnknown)
    issue(facts=CLOSED).when(RAISE).then_rejected(ProjectIsOver)
    issue(facts=world(ProjectState.CANCELLED)).when(RAISE).then_rejected(ProjectIsOver)
    issue(facts=ON_HOLD).when(RAISE).then(RAISED)


def test_an_issue_that_was_never_raised_is_unknown() -> None:
    issue().when(TRIAGE).then_rejected(IssueUnknown)


def test_triage_says_what_it_is_and_how_much_it_matters() -> None:
    outcome = issue(RAISED).when(TRIAGE)
    outcome.then(TRIAGED)
    outcome.then_state(replace(issue(RAISED).state(), kind=IssueKind.PROBLEM, priority=Priority.HIGH))


def test_triage_keeps_the_kind_unless_one_is_named() -> None:
    issue(RAISED).when(TriageIssue(priority=Priority.LOW)).then(
        IssueTriaged(kind=IssueKind.BUG, kind_before=IssueKind.BUG, priority=Priority.LOW)
    )


def test_the_same_triage_twice_does_nothing() -> None:
    issue(RAISED, TRIAGED).when(TRIAGE).then_nothing()


def test_an_issue_is_given_to_whom_the_command_names_and_to_nobody_else() -> None:
    issue(RAISED).when(AssignIssue(assignee_id=PERSON_ID, team="Core")).then(ASSIGNED)
    outcome = issue(RAISED, ASSIGNED).when(AssignIssue(team="Release"))
    outcome.then(IssueAssigned(assignee_id_before=PERSON_ID, team="Release", team_before="Core"))
    outcome.then_state(replace(issue(RAISED).state(), team="Release"))
    issue(RAISED, ASSIGNED).when(AssignIssue()).then_state(issue(RAISED).state())


def test_the_same_assignment_twice_does_nothing() -> None:
    issue(RAISED, ASSIGNED).when(AssignIssue(assignee_id=PERSON_ID, team="Core")).then_nothing()
    issue(RAISED).when(AssignIssue()).then_nothing()


def test_an_estimate_names_its_unit_and_the_estimate_before() -> None:
    outcome = issue(RAISED, ESTIMATED).when(EstimateIssue(estimate=Decimal(8), unit=EstimateUnit.POINTS))
    outcome.then(
        IssueEstimated(
            estimate=Decimal(8),
            unit=EstimateUnit.POINTS,
            estimate_before=Decimal("1.5"),
            unit_before=EstimateUnit.DAYS,
        )
    )
    outcome.then_state(replace(issue(RAISED).state(), estimate=Decimal(8), unit=EstimateUnit.POINTS))


def test_the_same_estimate_twice_does_nothing() -> None:
    command = EstimateIssue(estimate=Decimal("1.50"), unit=EstimateUnit.DAYS)
    issue(RAISED, ESTIMATED).when(command).then_nothing()


@pytest.mark.parametrize(
    ("given", "text"), [("1E+3", "1000"), ("-0", "0"), ("1.50", "1.50"), ("1e6", "1000000")]
)
def test_an_estimate_is_published_in_digits_alone(given: str, text: str) -> None:
    command = EstimateIssue.model_validate_json(f'{{"estimate": "{given}", "unit": "days"}}')
    [event] = issue(RAISED).when(command).events
    assert event.model_dump(mode="json")["estimate"] == text


@pytest.mark.parametrize("estimate", ["-1", "1000000.01", "0.001", "NaN", "Infinity", "1e400"])
def test_an_estimate_has_bounds(estimate: str) -> None:
    with pytest.raises(ValidationError):
        EstimateIssue.model_validate_json(f'{{"estimate": "{estimate}", "unit": "days"}}')


def test_a_finished_issue_may_still_be_triaged_as_real_logs_have_it() -> None:
    issue(RAISED, FINISHED).when(TRIAGE).then(TRIAGED)

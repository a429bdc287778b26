"""An issue leaves: cancelled, brought back when that was too early, or moved to another project."""

from dataclasses import replace
from typing import assert_never
from uuid import UUID

from pydantic import Field

from libs.events.portfolio import StateCategory, WorkflowState
from libs.events.raid import IssueCancelled, IssueMovedIn, IssueMovedOut, IssueReopened
from services.projects.aggregate import Command, Name, Reason, Rejection, Sentence
from services.projects.facts import Facts, Workflow
from services.projects.raid.issue.issue import FINISHED, Issue, IssueAlreadyFinished, standing, state_named
from services.projects.references import open_project

# --- Commands ---


class CancelIssue(Command):
    """Moves to the workflow's first state of category `cancelled`."""

    reason: Reason


class ReopenIssue(Command):
    state: Name | None = Field(
        default=None,
        description="An unfinished state; default: the workflow's first of category `todo`, else its first "
        "unfinished one.",
    )
    reason: Reason


class MoveIssue(Command):
    """Takes the issue to the state of the same name there, else the first of its category, else the first."""

    project_id: UUID
    reason: Sentence = ""

    def projects_referred(self) -> tuple[UUID, ...]:
        return (self.project_id,)


EndingCommand = CancelIssue | ReopenIssue | MoveIssue

# --- Rejections ---


class IssueNotFinished(Rejection):
    """Only a finished or cancelled issue is reopened; transition this one."""


class StateFinished(Rejection):
    """An issue is reopened into an unfinished state, of category `todo`, `active` or `waiting`."""


class WorkflowWithoutState(Rejection):
    """The workflow of the project has no state for this."""


# --- Decide ---

EndingEvent = IssueCancelled | IssueReopened | IssueMovedOut | IssueMovedIn


def decide(issue: Issue, command: EndingCommand, workflow: Workflow, facts: Facts) -> list[EndingEvent]:
    match command:
        case CancelIssue():
            return cancel(issue, command, workflow)
        case ReopenIssue():
            return reopen(issue, command, workflow)
        case MoveIssue():
            return move(issue, command, facts)
    assert_never(command)


def cancel(issue: Issue, command: CancelIssue, workflow: Workflow) -> list[EndingEvent]:
    if issue.category is StateCategory.CANCELLED:
        return []
    if issue.is_finished:
        raise IssueAlreadyFinished
    state = workflow.first(StateCategory.CANCELLED)
    if state is None:
        raise WorkflowWithoutState("The workflow of the project has no state of category `cancelled`.")
    return [
        IssueCancelled(
            reason=command.reason,
            state_before=issue.state,
            category_before=issue.category,
            state=state.name,
            category=state.category,
        )
    ]


def reopen(issue: Issue, command: ReopenIssue, workflow: Workflow) -> list[EndingEvent]:
    if not issue.is_finished:
        if command.state in (None, issue.state):
            return []
        raise IssueNotFinished
    state = unfinished_state(workflow, command.state)
    return [
        IssueReopened(
            state_before=issue.state,
            category_before=issue.category,
            state=state.name,
            category=state.category,
            reason=command.reason,
        )
    ]


def unfinished_state(workflow: Workflow, name: str | None) -> WorkflowState:
    if name is not None:
        named = state_named(workflow, name)
        if named.category in FINISHED:
            raise StateFinished
        return named
    unfinished = (state for state in workflow.states if state.category not in FINISHED)
    found = workflow.first(StateCategory.TODO) or next(unfinished, None)
    if found is None:
        raise WorkflowWithoutState("The workflow of the project has no unfinished state.")
    return found


def move(issue: Issue, command: MoveIssue, facts: Facts) -> list[EndingEvent]:
    if issue.project_id == command.project_id:
        return []
    state = counterpart(issue, open_project(facts, command.project_id).workflow)
    return [
        IssueMovedOut(to_project_id=command.project_id, reason=command.reason),
        IssueMovedIn(
            project_id=command.project_id,
            from_project_id=issue.project_id,
            state_before=issue.state,
            category_before=issue.category,
            state=state.name,
            category=state.category,
        ),
    ]


def counterpart(issue: Issue, workflow: Workflow) -> WorkflowState:
    """The state of another workflow that comes nearest to the issue's own."""
    same_name = next((state for state in workflow.states if state.name == issue.state), None)
    return same_name or workflow.first(issue.category) or workflow.states[0]


# --- Evolve ---


def evolve(issue: Issue, event: EndingEvent) -> Issue:
    match event:
        case IssueCancelled() | IssueReopened():
            return standing(issue, event.state, event.category)
        case IssueMovedOut():
            return issue
        case IssueMovedIn():
            return standing(replace(issue, project_id=event.project_id), event.state, event.category)
    assert_never(event)

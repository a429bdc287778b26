"""An issue comes in: it is raised, triaged, sized, and given to somebody."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, assert_never
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema

from libs.events.portfolio import StateCategory, WorkflowState
from libs.events.raid import (
    EstimateUnit,
    IssueAssigned,
    IssueEstimated,
    IssueKind,
    IssueRaised,
    IssueTriaged,
    Priority,
)
from services.projects.aggregate import Command, Name, Rejection, Sentence, Text, begun, unbegun
from services.projects.facts import Facts, Workflow
from services.projects.raid.issue.issue import Issue, state_named
from services.projects.references import open_project


def plain(size: Decimal) -> Decimal:
    """The same size in digits alone: `1E+3` and `-0` would be other texts in the published event."""
    return Decimal(f"{abs(size):f}")


Size = Annotated[
    Decimal,
    Field(ge=0, le=1_000_000, max_digits=9, decimal_places=2),
    AfterValidator(plain),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1_000_000},
                {"type": "string", "pattern": r"^\d{1,7}(\.\d{1,2})?$"},
            ]
        }
    ),
]

# --- Commands ---


class RaiseIssue(Command):
    issue_id: UUID | None = Field(default=None, description="Default: a new one.")
    project_id: UUID
    title: Name
    description: Text = ""
    kind: IssueKind = IssueKind.TASK
    priority: Priority | None = None
    state: Name | None = Field(
        default=None,
        description="A state of the project's workflow; default: its first of category `todo`, or its first.",
    )

    def projects_referred(self) -> tuple[UUID, ...]:
        return (self.project_id,)


class TriageIssue(Command):
    kind: IssueKind | None = Field(default=None, description="Default: the kind it already has.")
    priority: Priority
    note: Sentence = ""


class AssignIssue(Command):
    """Gives the issue to exactly whom it names; with neither, to nobody."""

    assignee_id: UUID | None = None
    team: Name | None = None


class EstimateIssue(Command):
    estimate: Size
    unit: EstimateUnit


IntakeCommand = TriageIssue | AssignIssue | EstimateIssue

# --- Rejections ---


class IssueAlreadyRaised(Rejection):
    """Another issue was already raised under this id."""


# --- Decide ---

IntakeEvent = IssueRaised | IssueTriaged | IssueAssigned | IssueEstimated


def raise_issue(issue: Issue | None, command: RaiseIssue, facts: Facts) -> list[IntakeEvent]:
    state = first_state(open_project(facts, command.project_id).workflow, command.state)
    raised = IssueRaised(
        project_id=command.project_id,
        title=command.title,
        description=command.description,
        kind=command.kind,
        priority=command.priority,
        state=state.name,
        category=state.category,
    )
    if issue is None:
        return [raised]
    if issue == evolve(None, raised):
        return []
    raise IssueAlreadyRaised


def first_state(workflow: Workflow, name: str | None) -> WorkflowState:
    if name is not None:
        return state_named(workflow, name)
    return workflow.first(StateCategory.TODO) or workflow.states[0]


def decide(issue: Issue, command: IntakeCommand) -> list[IntakeEvent]:
    match command:
        case TriageIssue():
            return triage(issue, command)
        case AssignIssue():
            return assign(issue, command)
        case EstimateIssue():
            return estimate(issue, command)
    assert_never(command)


def triage(issue: Issue, command: TriageIssue) -> list[IntakeEvent]:
    kind = command.kind or issue.kind
    if (issue.kind, issue.priority) == (kind, command.priority):
        return []
    return [
        IssueTriaged(
            kind=kind,
            kind_before=issue.kind,
            priority=command.priority,
            priority_before=issue.priority,
            note=command.note,
        )
    ]


def assign(issue: Issue, command: AssignIssue) -> list[IntakeEvent]:
    if (issue.assignee_id, issue.team) == (command.assignee_id, command.team):
        return []
    return [
        IssueAssigned(
            assignee_id=command.assignee_id,
            assignee_id_before=issue.assignee_id,
            team=command.team,
            team_before=issue.team,
        )
    ]


def estimate(issue: Issue, command: EstimateIssue) -> list[IntakeEvent]:
    if (issue.estimate, issue.unit) == (command.estimate, command.unit):
        return []
    return [
        IssueEstimated(
            estimate=command.estimate,
            unit=command.unit,
            estimate_before=issue.estimate,
            unit_before=issue.unit,
        )
    ]


# --- Evolve ---


def evolve(issue: Issue | None, event: IntakeEvent) -> Issue:
    if isinstance(event, IssueRaised):
        unbegun(issue)
        return Issue(
            project_id=event.project_id,
            title=event.title,
            description=event.description,
            kind=event.kind,
            priority=event.priority,
            state=event.state,
            category=event.category,
        )
    issue = begun(issue)
    match event:
        case IssueTriaged():
            return replace(issue, kind=event.kind, priority=event.priority)
        case IssueAssigned():
            return replace(issue, assignee_id=event.assignee_id, team=event.team)
        case IssueEstimated():
            return replace(issue, estimate=event.estimate, unit=event.unit)
    assert_never(event)

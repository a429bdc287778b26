"""What an issue is at any moment, and what its state means to every phase of its life."""

from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from libs.events.portfolio import StateCategory, WorkflowState
from libs.events.raid import EstimateUnit, IssueKind, LinkRelation, Priority
from services.projects.aggregate import Rejection
from services.projects.facts import Workflow

FINISHED = frozenset({StateCategory.DONE, StateCategory.CANCELLED})

# --- Rejections ---


class IssueUnknown(Rejection):
    """There is no such issue."""


class IssueAlreadyFinished(Rejection):
    """A finished or cancelled issue cannot be blocked or cancelled; reopen it first."""


class StateUnknown(Rejection):
    """The workflow of the project has no such state."""


# --- State ---


@dataclass(frozen=True, slots=True)
class Link:
    relation: LinkRelation
    target: str


@dataclass(frozen=True, slots=True)
class Issue:
    """`state` is a name from the project's workflow, `category` what it means to every measure.

    An issue is reopened, and counted so, whenever it leaves a finished category, by whatever event.
    """

    project_id: UUID
    title: str
    description: str
    kind: IssueKind
    priority: Priority | None
    state: str
    category: StateCategory
    assignee_id: UUID | None = None
    team: str | None = None
    is_blocked: bool = False
    blocked_reason: str | None = None
    blocked_by: str | None = None
    estimate: Decimal | None = None
    unit: EstimateUnit | None = None
    links: tuple[Link, ...] = ()
    last_comment_id: UUID | None = None
    comment_count: int = 0
    reopen_count: int = 0

    @property
    def is_finished(self) -> bool:
        return self.category in FINISHED


def state_named(workflow: Workflow, name: str) -> WorkflowState:
    for state in workflow.states:
        if state.name == name:
            return state
    names = ", ".join(state.name for state in workflow.states)
    raise StateUnknown(f"The workflow of the project has no state of that name; it has: {names}.")


def standing(issue: Issue, state: str, category: StateCategory) -> Issue:
    """The issue in another state: finishing it takes the block away, leaving the finish reopens it."""
    moved = replace(issue, state=state, category=category)
    if moved.is_finished:
        return unblocked(moved)
    return replace(moved, reopen_count=issue.reopen_count + issue.is_finished)


def unblocked(issue: Issue) -> Issue:
    return replace(issue, is_blocked=False, blocked_reason=None, blocked_by=None)

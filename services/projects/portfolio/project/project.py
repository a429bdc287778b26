"""What a project is at any moment, and what an open one means to every phase of its life."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.events.portfolio import Methodology, ProjectState, WorkflowState
from services.projects.aggregate import Rejection
from services.projects.facts import DEFAULT_WORKFLOW, ProjectFacts, Workflow

# --- Rejections ---


class ProjectAlreadyClosed(Rejection):
    """A closed project is history; propose a new one."""


class ProjectAlreadyCancelled(Rejection):
    """A cancelled project is history; propose a new one."""


class ProjectAlreadyOnHold(Rejection):
    """A project that is on hold goes nowhere; resume it first."""


# --- State ---


@dataclass(frozen=True, slots=True)
class Project:
    """`workflow` is its issue states in order; `state_before_hold` is known only while it is on hold."""

    project_id: UUID
    name: str
    summary: str
    state: ProjectState
    state_before_hold: ProjectState | None = None
    purpose: str | None = None
    objectives: tuple[str, ...] = ()
    starts_on: date | None = None
    finishes_on: date | None = None
    methodology: Methodology | None = None
    workflow: tuple[WorkflowState, ...] = DEFAULT_WORKFLOW.states
    outcome: str | None = None


def facts_of(project: Project) -> ProjectFacts:
    """The project as its milestones and issues see it."""
    return ProjectFacts(project.state, Workflow(project.workflow))


def open_project(project: Project) -> Project:
    """One that is neither closed nor cancelled; it may be on hold."""
    match project.state:
        case ProjectState.CLOSED:
            raise ProjectAlreadyClosed
        case ProjectState.CANCELLED:
            raise ProjectAlreadyCancelled
    return project


def moving_project(project: Project) -> Project:
    if project.state is ProjectState.ON_HOLD:
        raise ProjectAlreadyOnHold
    return open_project(project)

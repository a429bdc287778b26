"""What happens to a project as a whole: its charter, its ways of working, its phases, its end."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.events.catalogue import published
from libs.events.envelope import EventData


class ProjectState(StrEnum):
    PROPOSED = "proposed"
    CHARTERED = "chartered"
    PLANNING = "planning"
    EXECUTING = "executing"
    ON_HOLD = "on_hold"
    CLOSING = "closing"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Phase(StrEnum):
    """A phase a project enters; each is also a project state."""

    PLANNING = "planning"
    EXECUTING = "executing"
    CLOSING = "closing"


class Methodology(StrEnum):
    STAGE_GATE = "stage_gate"
    SCRUM = "scrum"
    KANBAN = "kanban"
    HYBRID = "hybrid"


class StateCategory(StrEnum):
    """What a workflow state means to every measure, whatever a team calls it."""

    TODO = "todo"
    ACTIVE = "active"
    WAITING = "waiting"
    DONE = "done"
    CANCELLED = "cancelled"


# What means the same in several events.
Reason = Annotated[str, Field(description="Why, in words of whoever did it.")]
StateBefore = Annotated[ProjectState, Field(description="The state the project was in until then.")]


class WorkflowState(EventData):
    """One state of a project's own workflow."""

    name: str = Field(description="The team's own name of the state, unique in the workflow.")
    category: StateCategory = Field(description="What the state means to every measure.")


@published("project.proposed")
class ProjectProposed(EventData):
    """A project was proposed."""

    project_id: UUID = Field(description="The project's own id.")
    name: str = Field(description="What the project is called.")
    summary: str = Field(default="", description="What it is about, in a few words.")


@published("charter.approved")
class CharterApproved(EventData):
    """The charter of a project was approved: why it exists and what it is for."""

    purpose: str = Field(description="Why the project exists.")
    objectives: tuple[str, ...] = Field(default=(), description="What it is to achieve.")
    starts_on: date | None = Field(default=None, description="The start the charter names.")
    finishes_on: date | None = Field(default=None, description="The finish the charter promises.")


@published("methodology.adopted")
class MethodologyAdopted(EventData):
    """A project adopted a way of working; history keeps what came before."""

    methodology: Methodology = Field(description="The way of working from now on.")
    methodology_before: Methodology | None = Field(
        default=None, description="The one before; absent for the first."
    )
    reason: Reason = ""


@published("workflow.adopted")
class WorkflowAdopted(EventData):
    """A project adopted its own list of issue states, in the order in which work moves through them."""

    states: tuple[WorkflowState, ...] = Field(description="Every state, in the order of work.")


@published("phase.entered")
class PhaseEntered(EventData):
    """A project entered a phase of its life."""

    phase: Phase = Field(description="The phase it is in now.")
    state_before: StateBefore


@published("project.put_on_hold")
class ProjectPutOnHold(EventData):
    """Work on a project was suspended."""

    reason: Reason
    state_before: ProjectState = Field(description="The state to which the project resumes.")


@published("project.resumed")
class ProjectResumed(EventData):
    """A suspended project goes on where it was."""

    state: ProjectState = Field(description="The state to which it returned.")


@published("project.closed")
class ProjectClosed(EventData):
    """A project came to its end."""

    outcome: str = Field(default="", description="What came of the project, in a sentence.")
    state_before: StateBefore


@published("project.cancelled")
class ProjectCancelled(EventData):
    """A project was given up before its end."""

    reason: Reason
    state_before: StateBefore

"""What a project is founded on: its proposal, its charter, and the ways of working it adopts."""

from dataclasses import replace
from typing import Annotated, Self, assert_never
from uuid import UUID

from pydantic import Field, model_validator

from libs.events.portfolio import (
    CharterApproved,
    Methodology,
    MethodologyAdopted,
    ProjectProposed,
    ProjectState,
    StateCategory,
    WorkflowAdopted,
    WorkflowState,
)
from services.projects.aggregate import (
    Command,
    Day,
    Name,
    Part,
    Reason,
    Rejection,
    Sentence,
    Text,
    begun,
    unbegun,
)
from services.projects.portfolio.project.project import Project, moving_project, open_project

Purpose = Annotated[Text, Field(min_length=1)]
Objective = Reason

OBJECTIVES_MAX = 50
WORKFLOW_STATES_MAX = 50

# --- Commands ---


class ProposeProject(Command):
    """Begins a project; the member who proposes it becomes its manager."""

    action = "propose"
    concerns_organization = True

    project_id: UUID | None = Field(default=None, description="Default: a new one.")
    name: Name
    summary: Text = ""


class ApproveCharter(Command):
    """Says why the project exists and what it is for; a later approval amends it, and history keeps both."""

    purpose: Purpose
    objectives: tuple[Objective, ...] = Field(default=(), max_length=OBJECTIVES_MAX)
    starts_on: Day | None = None
    finishes_on: Day | None = Field(default=None, description="The finish the charter promises.")

    @model_validator(mode="after")
    def starts_before_it_finishes(self) -> Self:
        if self.starts_on and self.finishes_on and self.finishes_on < self.starts_on:
            raise ValueError("finishes_on lies before starts_on")
        return self


class AdoptMethodology(Command):
    methodology: Methodology
    reason: Sentence = ""


class StateOfWork(Part):
    name: Name
    category: StateCategory


class AdoptWorkflow(Command):
    """Issues keep the state they are in, also one that the new workflow does not have, until they move."""

    states: tuple[StateOfWork, ...] = Field(
        min_length=1, max_length=WORKFLOW_STATES_MAX, description="In the order in which work moves."
    )

    @model_validator(mode="after")
    def names_are_unique(self) -> Self:
        if len({state.name for state in self.states}) < len(self.states):
            raise ValueError("two states have the same name")
        return self


CharterCommand = ApproveCharter | AdoptMethodology | AdoptWorkflow

# --- Rejections ---


class ProjectAlreadyProposed(Rejection):
    """Another project was already proposed under this id."""


# --- Decide ---

CharterEvent = ProjectProposed | CharterApproved | MethodologyAdopted | WorkflowAdopted


def propose(project: Project | None, command: ProposeProject) -> list[CharterEvent]:
    if command.project_id is None:
        raise ValueError("a project is named before it is proposed; ids are not made here")
    proposed = ProjectProposed(project_id=command.project_id, name=command.name, summary=command.summary)
    if project is None:
        return [proposed]
    if project == evolve(None, proposed):
        return []
    raise ProjectAlreadyProposed


def decide(project: Project, command: CharterCommand) -> list[CharterEvent]:
    match command:
        case ApproveCharter():
            return approve_charter(moving_project(project), command)
        case AdoptMethodology():
            return adopt_methodology(open_project(project), command)
        case AdoptWorkflow():
            return adopt_workflow(open_project(project), command)
    assert_never(command)


def approve_charter(project: Project, command: ApproveCharter) -> list[CharterEvent]:
    approved = CharterApproved(
        purpose=command.purpose,
        objectives=command.objectives,
        starts_on=command.starts_on,
        finishes_on=command.finishes_on,
    )
    return [] if evolve(project, approved) == project else [approved]


def adopt_methodology(project: Project, command: AdoptMethodology) -> list[CharterEvent]:
    if project.methodology is command.methodology:
        return []
    return [
        MethodologyAdopted(
            methodology=command.methodology, methodology_before=project.methodology, reason=command.reason
        )
    ]


def adopt_workflow(project: Project, command: AdoptWorkflow) -> list[CharterEvent]:
    states = tuple(WorkflowState(name=state.name, category=state.category) for state in command.states)
    return [] if project.workflow == states else [WorkflowAdopted(states=states)]


# --- Evolve ---


def evolve(project: Project | None, event: CharterEvent) -> Project:
    if isinstance(event, ProjectProposed):
        unbegun(project)
        return Project(
            project_id=event.project_id, name=event.name, summary=event.summary, state=ProjectState.PROPOSED
        )
    project = begun(project)
    match event:
        case CharterApproved():
            first = project.state is ProjectState.PROPOSED
            return replace(
                project,
                state=ProjectState.CHARTERED if first else project.state,
                purpose=event.purpose,
                objectives=event.objectives,
                starts_on=event.starts_on,
                finishes_on=event.finishes_on,
            )
        case MethodologyAdopted():
            return replace(project, methodology=event.methodology)
        case WorkflowAdopted():
            return replace(project, workflow=event.states)
    assert_never(event)

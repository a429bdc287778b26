"""The course of a project: its phases, the holds between them, and its end."""

from dataclasses import replace
from typing import assert_never

from pydantic import Field

from libs.events.portfolio import (
    Phase,
    PhaseEntered,
    ProjectCancelled,
    ProjectClosed,
    ProjectPutOnHold,
    ProjectResumed,
    ProjectState,
)
from services.projects.aggregate import Command, Reason, Rejection, Sentence
from services.projects.portfolio.project.project import Project, moving_project, open_project

# --- Commands ---


class EnterPhase(Command):
    """Phases are entered in any order: a project may go back to planning."""

    phase: Phase


class PutProjectOnHold(Command):
    """Suspends the work; milestones and issues may still be put in order meanwhile."""

    reason: Reason


class ResumeProject(Command):
    """Goes on in the state the project had before it was put on hold."""


class CloseProject(Command):
    """Ends the project; after that nothing inside it changes any more."""

    outcome: Sentence = Field(default="", description="What came of the project, in a sentence.")


class CancelProject(Command):
    """Gives the project up; after that nothing inside it changes any more."""

    reason: Reason


CourseCommand = EnterPhase | PutProjectOnHold | ResumeProject | CloseProject | CancelProject

# --- Rejections ---


class ProjectNotChartered(Rejection):
    """A project enters its first phase once its charter is approved."""


# --- Decide ---

CourseEvent = PhaseEntered | ProjectPutOnHold | ProjectResumed | ProjectClosed | ProjectCancelled


def decide(project: Project, command: CourseCommand) -> list[CourseEvent]:
    match command:
        case EnterPhase():
            return enter_phase(moving_project(project), command)
        case PutProjectOnHold():
            return put_on_hold(open_project(project), command)
        case ResumeProject():
            return resume(open_project(project))
        case CloseProject():
            return close(project, command)
        case CancelProject():
            return cancel(project, command)
    assert_never(command)


def enter_phase(project: Project, command: EnterPhase) -> list[CourseEvent]:
    if project.state is ProjectState.PROPOSED:
        raise ProjectNotChartered
    if project.state is ProjectState(command.phase):
        return []
    return [PhaseEntered(phase=command.phase, state_before=project.state)]


def put_on_hold(project: Project, command: PutProjectOnHold) -> list[CourseEvent]:
    if project.state is ProjectState.ON_HOLD:
        return []
    return [ProjectPutOnHold(reason=command.reason, state_before=project.state)]


def resume(project: Project) -> list[CourseEvent]:
    if project.state_before_hold is None:
        return []
    return [ProjectResumed(state=project.state_before_hold)]


def close(project: Project, command: CloseProject) -> list[CourseEvent]:
    if project.state is ProjectState.CLOSED:
        return []
    open_project(project)
    return [ProjectClosed(outcome=command.outcome, state_before=project.state)]


def cancel(project: Project, command: CancelProject) -> list[CourseEvent]:
    if project.state is ProjectState.CANCELLED:
        return []
    open_project(project)
    return [ProjectCancelled(reason=command.reason, state_before=project.state)]


# --- Evolve ---


def evolve(project: Project, event: CourseEvent) -> Project:
    match event:
        case PhaseEntered():
            return replace(project, state=ProjectState(event.phase))
        case ProjectPutOnHold():
            return replace(project, state=ProjectState.ON_HOLD, state_before_hold=event.state_before)
        case ProjectResumed():
            return replace(project, state=event.state, state_before_hold=None)
        case ProjectClosed():
            return replace(project, state=ProjectState.CLOSED, state_before_hold=None, outcome=event.outcome)
        case ProjectCancelled():
            return replace(project, state=ProjectState.CANCELLED, state_before_hold=None)
    assert_never(event)

"""How a project goes through its phases, rests, and ends."""

from dataclasses import replace

import pytest

from libs.events.envelope import EventData
from libs.events.portfolio import (
    CharterApproved,
    Phase,
    PhaseEntered,
    ProjectCancelled,
    ProjectClosed,
    ProjectProposed,
    ProjectPutOnHold,
    ProjectResumed,
    ProjectState,
)
from services.projects.portfolio.project.course import (
    CancelProject,
    CloseProject,
    EnterPhase,
    ProjectNotChartered,
    PutProjectOnHold,
    ResumeProject,
)
from services.projects.portfolio.project.life import AGGREGATE
from services.projects.portfolio.project.project import (
    ProjectAlreadyCancelled,
    ProjectAlreadyClosed,
    ProjectAlreadyOnHold,
)
from tests.support.given import Given, given
from tests.support.worlds import NOTHING, PROJECT_ID

PROPOSED = ProjectProposed(project_id=PROJECT_ID, name="Python 3.2")
CHARTERED = CharterApproved(purpose="Ship it")
EXECUTING = PhaseEntered(phase=Phase.EXECUTING, state_before=ProjectState.CHARTERED)
HELD = ProjectPutOnHold(reason="No budget", state_before=ProjectState.EXECUTING)
CLOSED = ProjectClosed(outcome="Shipped", state_before=ProjectState.EXECUTING)
CANCELLED = ProjectCancelled(reason="No budget", state_before=ProjectState.EXECUTING)
RUNNING = (PROPOSED, CHARTERED, EXECUTING)


def project(*history: EventData) -> Given:
    return given(AGGREGATE, *history, facts=NOTHING)


def test_a_chartered_project_enters_a_phase() -> None:
    outcome = project(PROPOSED, CHARTERED).when(EnterPhase(phase=Phase.EXECUTING))
    outcome.then(EXECUTING)
    outcome.then_state(replace(project(PROPOSED, CHARTERED).state(), state=ProjectState.EXECUTING))


def test_a_project_without_a_charter_enters_no_phase() -> None:
    project(PROPOSED).when(EnterPhase(phase=Phase.PLANNING)).then_rejected(
        ProjectNotChartered, "A project enters its first phase once its charter is approved."
    )


def test_a_project_may_go_back_to_planning() -> None:
    project(*RUNNING).when(EnterPhase(phase=Phase.PLANNING)).then(
        PhaseEntered(phase=Phase.PLANNING, state_before=ProjectState.EXECUTING)
    )


def test_entering_the_phase_it_is_in_does_nothing() -> None:
    project(*RUNNING).when(EnterPhase(phase=Phase.EXECUTING)).then_nothing()


def test_a_project_on_hold_enters_no_phase() -> None:
    project(*RUNNING, HELD).when(EnterPhase(phase=Phase.CLOSING)).then_rejected(ProjectAlreadyOnHold)


def test_a_project_is_put_on_hold_and_resumes_where_it_was() -> None:
    outcome = project(*RUNNING).when(PutProjectOnHold(reason="No budget"))
    outcome.then(HELD)
    outcome.then_state(
        replace(
            project(*RUNNING).state(),
            state=ProjectState.ON_HOLD,
            state_before_hold=ProjectState.EXECUTING,
        )
    )
    again = project(*RUNNING, HELD).when(ResumeProject())
    again.then(ProjectResumed(state=ProjectState.EXECUTING))
    again.then_state(project(*RUNNING).state())


def test_putting_on_hold_twice_does_nothing() -> None:
    project(*RUNNING, HELD).when(PutProjectOnHold(reason="Still none")).then_nothing()


def test_resuming_a_project_that_runs_does_nothing() -> None:
    project(*RUNNING).when(ResumeProject()).then_nothing()


def test_a_project_is_closed_with_its_outcome() -> None:
    outcome = project(*RUNNING).when(CloseProject(outcome="Shipped"))
    outcome.then(CLOSED)
    outcome.then_state(replace(project(*RUNNING).state(), state=ProjectState.CLOSED, outcome="Shipped"))


def test_a_project_on_hold_may_be_given_up() -> None:
    project(*RUNNING, HELD).when(CancelProject(reason="No budget")).then_state(
        replace(project(*RUNNING).state(), state=ProjectState.CANCELLED)
    )


def test_ending_twice_in_the_same_way_does_nothing() -> None:
    project(*RUNNING, CLOSED).when(CloseProject(outcome="Shipped again")).then_nothing()
    project(*RUNNING, CANCELLED).when(CancelProject(reason="Still none")).then_nothing()


@pytest.mark.parametrize(
    "command",
    [
        EnterPhase(phase=Phase.EXECUTING),
        PutProjectOnHold(reason="No budget"),
        ResumeProject(),
        CancelProject(reason="No budget"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_closed_project_goes_nowhere(command: EnterPhase) -> None:
    project(*RUNNING, CLOSED).when(command).then_rejected(ProjectAlreadyClosed)


def test_a_cancelled_project_cannot_be_closed() -> None:
    project(*RUNNING, CANCELLED).when(CloseProject()).then_rejected(ProjectAlreadyCancelled)

"""What a project is founded on: proposal, charter, methodology and workflow."""

from dataclasses import replace
from datetime import date

import pytest
from pydantic import ValidationError

from libs.events.envelope import EventData
from libs.events.portfolio import (
    CharterApproved,
    Methodology,
    MethodologyAdopted,
    Phase,
    PhaseEntered,
    ProjectCancelled,
    ProjectClosed,
    ProjectProposed,
    ProjectPutOnHold,
    ProjectState,
    StateCategory,
    WorkflowAdopted,
    WorkflowState,
)
from services.projects.facts import DEFAULT_WORKFLOW, ProjectFacts, Workflow
from services.projects.portfolio.project.charter import (
    AdoptMethodology,
    AdoptWorkflow,
    ApproveCharter,
    ProjectAlreadyProposed,
    ProposeProject,
    StateOfWork,
)
from services.projects.portfolio.project.life import AGGREGATE
from services.projects.portfolio.project.project import (
    Project,
    ProjectAlreadyCancelled,
    ProjectAlreadyClosed,
    ProjectAlreadyOnHold,
    facts_of,
)
from services.projects.references import ProjectUnknown
from tests.support.given import Given, given
from tests.support.worlds import NOTHING, PROJECT_ID

PROPOSE = ProposeProject(project_id=PROJECT_ID, name="Python 3.2", summary="The next release")
PROPOSED = ProjectProposed(project_id=PROJECT_ID, name="Python 3.2", summary="The next release")
APPROVE = ApproveCharter(purpose="Ship it", objectives=("On time",), starts_on=date(2010, 1, 1))
CHARTERED = CharterApproved(purpose="Ship it", objectives=("On time",), starts_on=date(2010, 1, 1))
HELD = ProjectPutOnHold(reason="No budget", state_before=ProjectState.PROPOSED)
CLOSED = ProjectClosed(state_before=ProjectState.PROPOSED)
CANCELLED = ProjectCancelled(reason="No budget", state_before=ProjectState.PROPOSED)
KANBAN = AdoptMethodology(methodology=Methodology.KANBAN, reason="Flow")
TWO_STATES = AdoptWorkflow(
    states=(
        StateOfWork(name="Open", category=StateCategory.TODO),
        StateOfWork(name="Closed", category=StateCategory.DONE),
    )
)
TWO_STATES_ADOPTED = WorkflowAdopted(
    states=(
        WorkflowState(name="Open", category=StateCategory.TODO),
        WorkflowState(name="Closed", category=StateCategory.DONE),
    )
)


def project(*history: EventData) -> Given:
    return given(AGGREGATE, *history, facts=NOTHING)


def test_a_project_is_proposed_with_the_default_workflow() -> None:
    outcome = project().when(PROPOSE)
    outcome.then(PROPOSED)
    outcome.then_state(
        Project(
            project_id=PROJECT_ID,
            name="Python 3.2",
            summary="The next release",
            state=ProjectState.PROPOSED,
            workflow=DEFAULT_WORKFLOW.states,
        )
    )


def test_proposing_the_same_project_twice_does_nothing() -> None:
    project(PROPOSED).when(PROPOSE).then_nothing()


def test_another_project_cannot_be_proposed_under_the_same_id() -> None:
    another = ProposeProject(project_id=PROJECT_ID, name="Python 3.3")
    project(PROPOSED).when(another).then_rejected(ProjectAlreadyProposed)


def test_ids_are_not_made_by_a_decision() -> None:
    with pytest.raises(ValueError, match="ids are not made here"):
        project().when(ProposeProject(name="Python 3.2"))


def test_a_project_that_was_never_proposed_is_unknown() -> None:
    project().when(APPROVE).then_rejected(ProjectUnknown)


def test_an_approved_charter_charters_a_proposed_project() -> None:
    outcome = project(PROPOSED).when(APPROVE)
    outcome.then(CHARTERED)
    outcome.then_state(
        replace(
            project(PROPOSED).state(),
            state=ProjectState.CHARTERED,
            purpose="Ship it",
            objectives=("On time",),
            starts_on=date(2010, 1, 1),
        )
    )


def test_approving_the_same_charter_twice_does_nothing() -> None:
    project(PROPOSED, CHARTERED).when(APPROVE).then_nothing()


def test_a_later_charter_amends_the_first() -> None:
    amended = ApproveCharter(purpose="Ship it well")
    project(PROPOSED, CHARTERED).when(amended).then_state(
        replace(
            project(PROPOSED).state(), state=ProjectState.CHARTERED, purpose="Ship it well", objectives=()
        )
    )


def test_a_charter_that_is_amended_later_leaves_the_phase_alone() -> None:
    executing = PhaseEntered(phase=Phase.EXECUTING, state_before=ProjectState.CHARTERED)
    outcome = project(PROPOSED, CHARTERED, executing).when(ApproveCharter(purpose="Ship it well"))
    outcome.then(CharterApproved(purpose="Ship it well"))
    assert outcome.state.state is ProjectState.EXECUTING


def test_a_charter_cannot_finish_before_it_starts() -> None:
    with pytest.raises(ValidationError, match="finishes_on lies before starts_on"):
        ApproveCharter(purpose="Ship it", starts_on=date(2010, 2, 1), finishes_on=date(2010, 1, 1))


def test_a_charter_is_not_approved_while_the_project_is_on_hold() -> None:
    project(PROPOSED, HELD).when(APPROVE).then_rejected(ProjectAlreadyOnHold)


def test_a_methodology_names_the_one_before() -> None:
    scrum = MethodologyAdopted(methodology=Methodology.SCRUM)
    project(PROPOSED, scrum).when(KANBAN).then(
        MethodologyAdopted(
            methodology=Methodology.KANBAN, methodology_before=Methodology.SCRUM, reason="Flow"
        )
    )


def test_adopting_the_same_methodology_twice_does_nothing() -> None:
    project(PROPOSED, MethodologyAdopted(methodology=Methodology.KANBAN)).when(KANBAN).then_nothing()


def test_a_project_adopts_its_own_workflow() -> None:
    outcome = project(PROPOSED).when(TWO_STATES)
    outcome.then(TWO_STATES_ADOPTED)
    outcome.then_state(replace(project(PROPOSED).state(), workflow=TWO_STATES_ADOPTED.states))


def test_adopting_the_same_workflow_twice_does_nothing() -> None:
    project(PROPOSED, TWO_STATES_ADOPTED).when(TWO_STATES).then_nothing()


def test_a_workflow_has_between_one_and_fifty_states_with_names_of_their_own() -> None:
    def states(*names: str) -> tuple[StateOfWork, ...]:
        return tuple(StateOfWork(name=name, category=StateCategory.TODO) for name in names)

    AdoptWorkflow(states=states(*(f"State {number}" for number in range(50))))
    with pytest.raises(ValidationError, match="at least 1 item"):
        AdoptWorkflow(states=())
    with pytest.raises(ValidationError, match="at most 50 items"):
        AdoptWorkflow(states=states(*(f"State {number}" for number in range(51))))
    with pytest.raises(ValidationError, match="two states have the same name"):
        AdoptWorkflow(states=states("Open", "Open"))


def test_a_project_on_hold_may_change_its_ways_of_working() -> None:
    project(PROPOSED, HELD).when(TWO_STATES).then(TWO_STATES_ADOPTED)
    project(PROPOSED, HELD).when(KANBAN).then(
        MethodologyAdopted(methodology=Methodology.KANBAN, reason="Flow")
    )


@pytest.mark.parametrize("command", [APPROVE, KANBAN, TWO_STATES], ids=lambda command: type(command).__name__)
def test_a_project_that_is_over_is_founded_no_further(
    command: ApproveCharter | AdoptMethodology | AdoptWorkflow,
) -> None:
    project(PROPOSED, CLOSED).when(command).then_rejected(ProjectAlreadyClosed)
    project(PROPOSED, CANCELLED).when(command).then_rejected(ProjectAlreadyCancelled)


def test_milestones_and_issues_know_a_project_by_its_state_and_workflow() -> None:
    assert facts_of(project(PROPOSED, TWO_STATES_ADOPTED).state()) == ProjectFacts(
        ProjectState.PROPOSED, Workflow(TWO_STATES_ADOPTED.states)
    )

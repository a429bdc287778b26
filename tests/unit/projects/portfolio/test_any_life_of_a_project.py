"""No sequence of accepted commands leads a project into a history that cannot be read."""

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.portfolio import Methodology, Phase, StateCategory
from services.projects.aggregate import Command
from services.projects.portfolio.project.charter import (
    AdoptMethodology,
    AdoptWorkflow,
    ApproveCharter,
    ProposeProject,
    StateOfWork,
)
from services.projects.portfolio.project.course import (
    CancelProject,
    CloseProject,
    EnterPhase,
    PutProjectOnHold,
    ResumeProject,
)
from services.projects.portfolio.project.life import AGGREGATE
from tests.support.given import decided
from tests.support.lives import lived, lives, some, words
from tests.support.worlds import NOTHING, PROJECT_ID

workflows = st.lists(
    st.builds(StateOfWork, name=words, category=st.sampled_from(StateCategory)),
    min_size=1,
    max_size=3,
    unique_by=lambda state: state.name,
).map(tuple)
PROPOSE = some(ProposeProject, project_id=st.just(PROJECT_ID), name=words)
OTHERS = (
    some(ApproveCharter, purpose=words, objectives=st.lists(words, max_size=2).map(tuple)),
    some(AdoptMethodology, methodology=st.sampled_from(Methodology)),
    some(AdoptWorkflow, states=workflows),
    some(EnterPhase, phase=st.sampled_from(Phase)),
    some(PutProjectOnHold, reason=words),
    some(ResumeProject),
    some(CloseProject, outcome=words),
    some(CancelProject, reason=words),
)


@given(PROPOSE, lives(PROPOSE, *OTHERS))
@settings(max_examples=60, deadline=None)
def test_any_accepted_life_of_a_project_can_be_read_again(propose: Command, life: list[Command]) -> None:
    lived(AGGREGATE, [propose, *life], NOTHING)


@given(PROPOSE, lives(*OTHERS))
@settings(max_examples=60, deadline=None)
def test_whatever_was_done_to_a_project_doing_it_again_records_nothing(
    propose: Command, life: list[Command]
) -> None:
    state = None
    for command in [propose, *life]:
        state = decided(AGGREGATE, state, command, NOTHING).state
        assert decided(AGGREGATE, state, command, NOTHING).events == []

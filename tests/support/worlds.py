"""States of the world that domain tests start from: projects that run, rest or are over, and what exists in them."""

from uuid import UUID

from libs.events.envelope import stream_name
from libs.events.portfolio import ProjectState, StateCategory, WorkflowState
from services.projects.facts import DEFAULT_WORKFLOW, Facts, ProjectFacts, Workflow

PROJECT_ID = UUID("0198a000-0000-7000-8000-000000000001")
OTHER_PROJECT_ID = UUID("0198a000-0000-7000-8000-000000000002")
UNKNOWN_PROJECT_ID = UUID("0198a000-0000-7000-8000-000000000003")
PERSON_ID = UUID("0198a000-0000-7000-8000-000000000004")

SOME_ISSUE = stream_name("issue", UUID("0198a000-0000-7000-8000-000000000005"))
SOME_MILESTONE = stream_name("milestone", UUID("0198a000-0000-7000-8000-000000000006"))
UNKNOWN_ISSUE = stream_name("issue", UUID("0198a000-0000-7000-8000-000000000007"))
EXISTING = frozenset({SOME_ISSUE, SOME_MILESTONE})

SUPPORT_WORKFLOW = Workflow(
    (
        WorkflowState(name="Reported", category=StateCategory.WAITING),
        WorkflowState(name="Accepted", category=StateCategory.ACTIVE),
        WorkflowState(name="In progress", category=StateCategory.ACTIVE),
        WorkflowState(name="Solved", category=StateCategory.DONE),
    )
)


def world(state: ProjectState = ProjectState.EXECUTING, workflow: Workflow = DEFAULT_WORKFLOW) -> Facts:
    """A project in that state with that workflow, beside another one that runs a support desk."""
    return Facts(
        {
            PROJECT_ID: ProjectFacts(state, workflow),
            OTHER_PROJECT_ID: ProjectFacts(ProjectState.EXECUTING, SUPPORT_WORKFLOW),
        },
        EXISTING,
    )


RUNNING = world()
ON_HOLD = world(ProjectState.ON_HOLD)
CLOSED = world(ProjectState.CLOSED)
CANCELLED = world(ProjectState.CANCELLED)
NOTHING = Facts()

"""What a decision may need to know of other aggregates; the command handler loads it and passes it in.

Facts are as of the load: another command may change them before the append. That race is accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from libs.events.portfolio import ProjectState, StateCategory, WorkflowState

NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A project's own issue states in the order in which work moves through them; names are unique."""

    states: tuple[WorkflowState, ...]

    def category_of(self, state: str) -> StateCategory | None:
        """The category of the state with that name, or `None` where the workflow has no such state."""
        return next((each.category for each in self.states if each.name == state), None)

    def first(self, category: StateCategory) -> WorkflowState | None:
        """The first state of a category, or `None` where the workflow has none."""
        return next((each for each in self.states if each.category is category), None)


DEFAULT_WORKFLOW = Workflow(
    (
        WorkflowState(name="To do", category=StateCategory.TODO),
        WorkflowState(name="In progress", category=StateCategory.ACTIVE),
        WorkflowState(name="Waiting", category=StateCategory.WAITING),
        WorkflowState(name="Done", category=StateCategory.DONE),
        WorkflowState(name="Cancelled", category=StateCategory.CANCELLED),
    )
)


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """A project as its milestones and issues see it."""

    state: ProjectState
    workflow: Workflow

    @property
    def is_open(self) -> bool:
        return self.state not in (ProjectState.CLOSED, ProjectState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Facts:
    """Projects a command refers to, by id, and those streams it refers to that exist.

    `actor` gives the command about the aggregate with `entity_id`; `secret_hash` is there where the command makes
    a secret.
    """

    projects: Mapping[UUID, ProjectFacts] = field(default_factory=dict)
    existing: frozenset[str] = frozenset()
    actor: UUID = NOBODY
    entity_id: UUID = NOBODY
    secret_hash: str = ""

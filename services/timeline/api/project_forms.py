"""Projects as they are answered: one in a list, alone, what happened in it, and what it amounts to."""

import json
from datetime import date
from uuid import UUID

from pydantic import Field

from services.timeline.api.forms import Answer, Form, Instant
from services.timeline.asking import Row


class StateForm(Form):
    name: str
    category: str


class ProjectForm(Form):
    """A project as of then."""

    project_id: UUID
    name: str
    state: str
    methodology: str | None
    starts_on: date | None
    finishes_on: date | None = Field(description="The finish the charter promises.")
    workflow: list[StateForm] | None = Field(description="The states it adopted; none: the default ones.")
    version: int
    known_from: int
    recorded_at: Instant
    effective_at: Instant

    @classmethod
    def of(cls, row: Row) -> "ProjectForm":
        plain = {name: row[name] for name in cls.model_fields if name in PLAIN_FIELDS}
        return cls(**plain, workflow=json.loads(row["workflow"]) if row["workflow"] else None)


PLAIN_FIELDS = frozenset(ProjectForm.model_fields) - {"workflow"}


class ProjectAnswer(ProjectForm, Answer):
    pass


class ProjectList(Answer):
    items: list[ProjectForm]
    next_cursor: str | None


class ActivityForm(Form):
    """One thing that happened, in a sentence, with names as they were then."""

    position: int
    recorded_at: Instant
    effective_at: Instant
    event_id: UUID
    type: str
    stream: str
    version: int
    actor: UUID
    on_behalf_of: UUID | None
    sentence: str


class ActivityList(Answer):
    items: list[ActivityForm]
    next_cursor: str | None


class MilestoneCounts(Form):
    planned: int
    committed: int
    achieved: int
    cancelled: int
    overdue: int
    missed: int
    reforecasts: int


class IssueCounts(Form):
    todo: int
    active: int
    waiting: int
    done: int
    cancelled: int
    blocked: int
    reopenings: int
    status_events: int = Field(description="How often a status was told: each raise, and each transition.")


class ProjectSummary(Answer):
    """What a project amounts to, as of then."""

    project: ProjectForm
    milestones: MilestoneCounts
    issues: IssueCounts

"""Every phase, charter and way of working a project ever had: one row per change, with the state after it."""

from datetime import date, datetime
from typing import NamedTuple, TypeAlias, assert_never, cast
from uuid import UUID

from pydantic_core import to_json

from libs.events.envelope import Event
from libs.events.portfolio import (
    CharterApproved,
    MethodologyAdopted,
    PhaseEntered,
    ProjectCancelled,
    ProjectClosed,
    ProjectProposed,
    ProjectPutOnHold,
    ProjectResumed,
    ProjectState,
    WorkflowAdopted,
)
from services.timeline.as_of import AsOf
from services.timeline.asking import Reading, Row, ask
from services.timeline.entity_history import EntityHistory, Explanation, Fields

ProjectEvent: TypeAlias = (
    ProjectProposed
    | CharterApproved
    | MethodologyAdopted
    | WorkflowAdopted
    | PhaseEntered
    | ProjectPutOnHold
    | ProjectResumed
    | ProjectClosed
    | ProjectCancelled
)


# --- Rows ---


class Project(NamedTuple):
    """A project after one of its changes, known from position `known_from` on."""

    org_id: UUID
    project_id: UUID
    known_from: int
    version: int
    recorded_at: datetime
    effective_at: datetime
    name: str
    state: str
    methodology: str | None = None
    starts_on: date | None = None
    finishes_on: date | None = None
    workflow: str | None = None
    """The adopted states as JSON, `[{"name": …, "category": …}, …]`; none: the default ones."""


def project_history() -> EntityHistory[Project]:
    return EntityHistory(
        "project_history",
        1,
        aggregate="project",
        row_type=Project,
        created_by=ProjectProposed,
        created=proposed,
        changed=changed,
        explain=explain,
    )


# --- Project ---


def proposed(event: Event) -> Fields:
    data = cast("ProjectProposed", event.data)
    return {"name": data.name, "state": ProjectState.PROPOSED.value}


def changed(before: Project, event: Event) -> Fields:
    data = cast("ProjectEvent", event.data)
    match data:
        case ProjectProposed():
            return {}
        case CharterApproved():
            was_proposed = before.state == ProjectState.PROPOSED
            return {
                "state": ProjectState.CHARTERED.value if was_proposed else before.state,
                "starts_on": data.starts_on,
                "finishes_on": data.finishes_on,
            }
        case MethodologyAdopted():
            return {"methodology": data.methodology.value}
        case WorkflowAdopted():
            return {"workflow": to_json(data.states).decode()}
        case PhaseEntered():
            return {"state": data.phase.value}
        case ProjectPutOnHold():
            return {"state": ProjectState.ON_HOLD.value}
        case ProjectResumed():
            return {"state": data.state.value}
        case ProjectClosed():
            return {"state": ProjectState.CLOSED.value}
        case ProjectCancelled():
            return {"state": ProjectState.CANCELLED.value}
    assert_never(data)


def explain(event: Event) -> Explanation:
    """The words that came with a change, and those of its facts that are no part of the state."""
    data = cast("ProjectEvent", event.data)
    match data:
        case ProjectProposed():
            return Explanation(data.summary or None)
        case CharterApproved():
            return Explanation(
                data.purpose, {"objectives": list(data.objectives)} if data.objectives else None
            )
        case ProjectClosed():
            return Explanation(data.outcome or None)
        case MethodologyAdopted() | ProjectPutOnHold() | ProjectCancelled():
            return Explanation(data.reason or None)
        case WorkflowAdopted() | PhaseEntered() | ProjectResumed():
            return Explanation()
    assert_never(data)


# --- Ask ---

PRESENT = f"""
select {", ".join(Project._fields)}, project_id as home_project_id
from projects
where org_id = :org_id and known_from <= :position
"""

THEN = """
select change.*, entity.project_id as home_project_id
from projects entity
cross join lateral (
    select * from project_changes row
    where row.org_id = entity.org_id and row.project_id = entity.project_id and row.known_from <= :position
      and (:effective_at::timestamptz is null or row.effective_at <= :effective_at)
    order by row.known_from desc limit 1
) change
where entity.org_id = :org_id
"""


def source(as_of: AsOf) -> str:
    """The projects as of then, as a table."""
    return PRESENT if as_of.is_present else THEN


async def project_then(reading: Reading, project_id: UUID) -> Row | None:
    """A project as of then; none where it did not exist."""
    sql = f"select * from ({source(reading.as_of)}) as project where project_id = :project_id"
    rows = await ask(reading, sql, project_id=project_id)
    return rows[0] if rows else None

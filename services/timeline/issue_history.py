"""Every state, assignment and block an issue ever had: one row per change, with the state after it."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias, assert_never, cast
from uuid import UUID

from libs.events.envelope import Envelope, Event
from libs.events.portfolio import StateCategory
from libs.events.raid import (
    IssueAssigned,
    IssueBlocked,
    IssueCancelled,
    IssueCommentedOn,
    IssueEstimated,
    IssueLinked,
    IssueMovedIn,
    IssueMovedOut,
    IssueRaised,
    IssueReopened,
    IssueTransitioned,
    IssueTriaged,
    IssueUnblocked,
)
from services.timeline.as_of import AsOf
from services.timeline.asking import Reading, Row, ask
from services.timeline.entity_history import EntityHistory, Explanation, Fields

IssueEvent: TypeAlias = (
    IssueRaised
    | IssueTriaged
    | IssueAssigned
    | IssueTransitioned
    | IssueBlocked
    | IssueUnblocked
    | IssueEstimated
    | IssueLinked
    | IssueCommentedOn
    | IssueReopened
    | IssueMovedOut
    | IssueMovedIn
    | IssueCancelled
)
Standing: TypeAlias = IssueTransitioned | IssueReopened | IssueMovedIn | IssueCancelled

FINISHED = frozenset({StateCategory.DONE, StateCategory.CANCELLED})


# --- Rows ---


class Issue(NamedTuple):
    """An issue after one of its changes, known from position `known_from` on."""

    org_id: UUID
    issue_id: UUID
    known_from: int
    version: int
    recorded_at: datetime
    effective_at: datetime
    project_id: UUID
    title: str
    kind: str
    priority: str | None
    state: str
    category: str
    assignee_id: UUID | None
    team: str | None
    is_blocked: bool
    blocked_at: datetime | None
    estimate: Decimal | None
    estimate_unit: str | None
    raised_at: datetime
    entered_state_at: datetime
    status_event_count: int
    reopen_count: int
    comment_count: int
    move_count: int


def issue_history() -> EntityHistory[Issue]:
    return EntityHistory(
        "issue_history",
        1,
        aggregate="issue",
        row_type=Issue,
        created_by=IssueRaised,
        created=raised,
        changed=changed,
        explain=explain,
    )


# --- Project ---


def raised(event: Event) -> Fields:
    data, now = cast("IssueRaised", event.data), event.envelope.effective_at
    return {
        "project_id": data.project_id,
        "title": data.title,
        "kind": data.kind.value,
        "priority": None if data.priority is None else data.priority.value,
        "state": data.state,
        "category": data.category.value,
        "assignee_id": None,
        "team": None,
        "is_blocked": False,
        "blocked_at": None,
        "estimate": None,
        "estimate_unit": None,
        "raised_at": now,
        "entered_state_at": now,
        "status_event_count": 1,
        "reopen_count": 0,
        "comment_count": 0,
        "move_count": 0,
    }


def changed(issue: Issue, event: Event) -> Fields:
    envelope, data = event.envelope, cast("IssueEvent", event.data)
    match data:
        case IssueTransitioned() | IssueReopened() | IssueCancelled():
            return _entered(issue, envelope, data)
        case IssueAssigned():
            return {"assignee_id": data.assignee_id, "team": data.team}
        case IssueTriaged():
            return {"kind": data.kind.value, "priority": data.priority.value}
        case IssueBlocked():
            return {"is_blocked": True, "blocked_at": issue.blocked_at or envelope.effective_at}
        case IssueUnblocked():
            return {"is_blocked": False, "blocked_at": None}
        case IssueEstimated():
            return {"estimate": data.estimate, "estimate_unit": data.unit.value}
        case IssueCommentedOn():
            return {"comment_count": issue.comment_count + 1}
        case IssueMovedIn():
            return {
                **_entered(issue, envelope, data),
                "project_id": data.project_id,
                "move_count": issue.move_count + 1,
            }
        case IssueLinked() | IssueMovedOut() | IssueRaised():
            return {}
    assert_never(data)


def _entered(issue: Issue, envelope: Envelope, data: Standing) -> Fields:
    """A state was entered, or said again: then it lasts since it was entered. Finishing ends a block."""
    is_finished = data.category in FINISHED
    is_new = data.state != issue.state or not isinstance(data, IssueTransitioned)
    return {
        "state": data.state,
        "category": data.category.value,
        "entered_state_at": envelope.effective_at if is_new else issue.entered_state_at,
        "status_event_count": issue.status_event_count + isinstance(data, IssueTransitioned),
        "reopen_count": issue.reopen_count + (data.category_before in FINISHED and not is_finished),
        "is_blocked": issue.is_blocked and not is_finished,
        "blocked_at": None if is_finished else issue.blocked_at,
    }


def explain(event: Event) -> Explanation:
    """The words that came with a change, and those of its facts that are no part of the state."""
    data = cast("IssueEvent", event.data)
    match data:
        case IssueTransitioned() | IssueTriaged():
            return Explanation(data.note or None)
        case IssueAssigned() | IssueEstimated():
            return Explanation()
        case IssueRaised():
            return Explanation(data.description or None)
        case IssueBlocked():
            return Explanation(data.reason, {"blocked_by": data.blocked_by} if data.blocked_by else None)
        case IssueUnblocked() | IssueReopened() | IssueCancelled():
            return Explanation(data.reason or None)
        case IssueLinked():
            return Explanation(None, {"relation": data.relation.value, "target": data.target})
        case IssueCommentedOn():
            return Explanation(data.text, {"comment_id": str(data.comment_id)})
        case IssueMovedOut():
            return Explanation(data.reason or None, {"to_project_id": str(data.to_project_id)})
        case IssueMovedIn():
            return Explanation(None, {"from_project_id": str(data.from_project_id)})
    assert_never(data)


# --- Ask ---

PRESENT = f"""
select {", ".join(Issue._fields)}, project_id as home_project_id, move_count > 0 as was_moved
from issues
where org_id = :org_id and known_from <= :position
"""

# Access is judged by the project an issue is in today, not by the one it was in then.
THEN = """
select change.*, entity.project_id as home_project_id, entity.move_count > 0 as was_moved
from issues entity
cross join lateral (
    select * from issue_changes row
    where row.org_id = entity.org_id and row.issue_id = entity.issue_id and row.known_from <= :position
      and (:effective_at::timestamptz is null or row.effective_at <= :effective_at)
    order by row.known_from desc limit 1
) change
where entity.org_id = :org_id
"""

# What was in a project then is in it today, or was moved since: that narrows the search before it looks back.
WAS_IN_PROJECTS = "project_id = any(:project_ids) and (home_project_id = any(:project_ids) or was_moved)"


def source(as_of: AsOf) -> str:
    """The issues as of then, as a table."""
    return PRESENT if as_of.is_present else THEN


CHANGES = """
select change.*, entity.project_id as home_project_id
from issues entity join issue_changes change
    on change.org_id = entity.org_id and change.issue_id = entity.issue_id
where entity.org_id = :org_id and entity.issue_id = :issue_id and change.known_from <= :position
  and (:effective_at::timestamptz is null or change.effective_at <= :effective_at)
order by change.known_from
"""


async def changes(reading: Reading, issue_id: UUID) -> list[Row]:
    """The changes of an issue up to then, at most 10,000, as streams have; none where it did not exist."""
    return await ask(reading, CHANGES, issue_id=issue_id)

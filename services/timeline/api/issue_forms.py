"""Issues as they are answered: one in a list, alone, or with everything that happened to it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from pydantic import Field

from services.timeline.api.forms import Answer, Duration, Form, Instant, Known, Standpoint
from services.timeline.as_of import AsOf
from services.timeline.asking import Row
from services.timeline.issue_history import FINISHED
from services.timeline.measures.time_in_state import (
    Block,
    Status,
    Stay,
    blocks,
    stays,
    time_blocked,
    time_by_category,
    time_by_state,
)

TRANSITIONS = frozenset(
    {"issue.raised", "issue.transitioned", "issue.reopened", "issue.cancelled", "issue.moved_in"}
)


class IssueForm(Form):
    """An issue as of then."""

    issue_id: UUID
    project_id: UUID
    title: str
    kind: str
    priority: str | None
    state: str = Field(description="A state of the project's own workflow.")
    category: str = Field(description="todo, active, waiting, done or cancelled.")
    assignee_id: UUID | None
    team: str | None
    is_blocked: bool
    blocked_at: Instant | None
    estimate: Decimal | None
    estimate_unit: str | None
    raised_at: Instant
    entered_state_at: Instant
    status_event_count: int = Field(description="How often its status was told: raised, and each transition.")
    reopen_count: int
    comment_count: int
    move_count: int
    version: int
    known_from: int
    recorded_at: Instant
    effective_at: Instant

    @classmethod
    def of(cls, row: Row) -> "IssueForm":
        return cls(**{name: row[name] for name in cls.model_fields if name in ISSUE_FIELDS})


ISSUE_FIELDS = frozenset(IssueForm.model_fields)


class IssueAnswer(IssueForm, Answer):
    description: str | None = None


class IssueList(Answer):
    items: list[IssueForm]
    next_cursor: str | None


class Transition(Known):
    """A move through the workflow, or the first state."""

    type: str
    state_before: str | None
    state: str
    category: str
    is_reopening: bool
    note: str | None


class Assignment(Known):
    assignee_id: UUID | None
    team: str | None


class BlockForm(Form):
    blocked_at: Instant
    unblocked_at: Instant | None
    duration: Duration
    reason: str | None
    blocked_by: str | None


class StayForm(Form):
    state: str
    category: str
    entered_at: Instant
    left_at: Instant | None
    duration: Duration | None = Field(description="None for a finished state that it is still in.")


class TimeInState(Form):
    state: str
    duration: Duration


class TimeInCategory(Form):
    category: str
    duration: Duration


class Link(Known):
    """How it stands to a milestone or another issue."""

    relation: str
    target: str = Field(description="The linked stream: milestone-<uuid> or issue-<uuid>.")


class IssueChange(Known):
    """One change of an issue, and what held after it."""

    type: str
    project_id: UUID
    state: str
    category: str
    assignee_id: UUID | None
    team: str | None
    is_blocked: bool
    note: str | None
    detail: dict[str, Any] | None


class IssueHistory(Answer):
    """Everything that happened to an issue, up to then."""

    issue: IssueForm
    transitions: list[Transition]
    assignments: list[Assignment]
    blocks: list[BlockForm]
    stays: list[StayForm]
    time_in_states: list[TimeInState]
    time_in_categories: list[TimeInCategory]
    time_blocked: Duration
    reopen_count: int
    links: list[Link]
    changes: list[IssueChange]


def known(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in Known.model_fields}


def transitions(rows: Sequence[Row]) -> list[Transition]:
    """Each time somebody said in which state it is."""
    return [
        Transition(
            **known(row),
            type=row["type"],
            state_before=before["state"] if before else None,
            state=row["state"],
            category=row["category"],
            is_reopening=before is not None and _is_finished(before) and not _is_finished(row),
            note=row["note"] if row["type"] != "issue.raised" else None,
        )
        for before, row in pairwise([None, *rows])
        if row is not None and row["type"] in TRANSITIONS
    ]


def assignments(rows: Sequence[Row]) -> list[Assignment]:
    return [
        Assignment(**known(row), assignee_id=row["assignee_id"], team=row["team"])
        for row in rows
        if row["type"] == "issue.assigned"
    ]


def links(rows: Sequence[Row]) -> list[Link]:
    return [Link(**known(row), **json.loads(row["detail"])) for row in rows if row["type"] == "issue.linked"]


def changes(rows: Sequence[Row]) -> list[IssueChange]:
    return [
        IssueChange(
            **known(row),
            **{
                name: row[name]
                for name in (
                    "type",
                    "project_id",
                    "state",
                    "category",
                    "assignee_id",
                    "team",
                    "is_blocked",
                    "note",
                )
            },
            detail=json.loads(row["detail"]) if row["detail"] else None,
        )
        for row in rows
    ]


def statuses(rows: Sequence[Row]) -> list[Status]:
    """The changes of an issue as the measures see them."""
    return [
        Status(row["effective_at"], row["state"], row["category"], row["entered_state_at"], row["is_blocked"])
        for row in rows
    ]


def block_forms(found: Sequence[Block], rows: Sequence[Row]) -> list[BlockForm]:
    """Blocks with the reasons that were given for them."""
    given = {
        row["effective_at"]: (row["note"], json.loads(row["detail"]) if row["detail"] else {})
        for row in rows
        if row["type"] == "issue.blocked"
    }
    forms = []
    for block in found:
        reason, detail = given.get(block.blocked_at, (None, {}))
        forms.append(
            BlockForm(
                blocked_at=block.blocked_at,
                unblocked_at=block.unblocked_at,
                duration=block.duration,
                reason=reason,
                blocked_by=detail.get("blocked_by"),
            )
        )
    return forms


def stay_forms(spent: Sequence[Stay]) -> list[StayForm]:
    return [StayForm.model_validate(stay) for stay in spent]


def times_in_states(totals: Mapping[str, timedelta]) -> list[TimeInState]:
    return [TimeInState(state=state, duration=duration) for state, duration in totals.items()]


def times_in_categories(totals: Mapping[str, timedelta]) -> list[TimeInCategory]:
    return [TimeInCategory(category=category, duration=duration) for category, duration in totals.items()]


def _is_finished(row: Row) -> bool:
    return row["category"] in FINISHED


def history(rows: Sequence[Row], until: datetime, as_of: AsOf) -> IssueHistory:
    """Everything that happened, with time counted up to an instant."""
    told = statuses(rows)
    spent, held_up = stays(told, until), blocks(told, until)
    return IssueHistory(
        as_of=Standpoint.of(as_of),
        issue=IssueForm.of(rows[-1]),
        transitions=transitions(rows),
        assignments=assignments(rows),
        blocks=block_forms(held_up, rows),
        stays=stay_forms(spent),
        time_in_states=times_in_states(time_by_state(spent)),
        time_in_categories=times_in_categories(time_by_category(spent)),
        time_blocked=time_blocked(held_up),
        reopen_count=rows[-1]["reopen_count"],
        links=links(rows),
        changes=changes(rows),
    )

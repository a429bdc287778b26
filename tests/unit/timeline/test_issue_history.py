"""An issue's row after each of its events."""

from datetime import timedelta
from decimal import Decimal

import pytest

from libs.events.envelope import EventData
from libs.events.portfolio import StateCategory
from libs.events.raid import (
    EstimateUnit,
    IssueAssigned,
    IssueBlocked,
    IssueCancelled,
    IssueCommentedOn,
    IssueEstimated,
    IssueKind,
    IssueLinked,
    IssueMovedIn,
    IssueMovedOut,
    IssueRaised,
    IssueReopened,
    IssueTransitioned,
    IssueTriaged,
    IssueUnblocked,
    LinkRelation,
    Priority,
)
from services.timeline.entity_history import Explanation
from services.timeline.issue_history import Issue, explain, issue_history
from services.timeline.projection import UnknownEntity
from tests.support.history import BEGINNING, ORG, History, an_id

ISSUES = issue_history()
PROJECT, OTHER, LEAK, PERSON = an_id("Apollo"), an_id("Gemini"), an_id("the leak"), an_id("Grace")
TODO, ACTIVE, DONE, CANCELLED = (
    StateCategory.TODO,
    StateCategory.ACTIVE,
    StateCategory.DONE,
    StateCategory.CANCELLED,
)
RAISED = IssueRaised(project_id=PROJECT, title="The leak", state="Open", category=TODO)


def moved(before: tuple[str, StateCategory], after: tuple[str, StateCategory]) -> IssueTransitioned:
    return IssueTransitioned(
        state_before=before[0], category_before=before[1], state=after[0], category=after[1]
    )


OPEN, DOING, SHUT, DROPPED = ("Open", TODO), ("Doing", ACTIVE), ("Shut", DONE), ("Dropped", CANCELLED)


def after(*changes: EventData) -> list[Issue]:
    """The rows after each change, an hour apart from 10:00 on."""
    history = History(step_seconds=3_600)
    rows: list[Issue] = []
    for change in changes:
        rows.append(ISSUES.project(rows[-1] if rows else None, history.record("issue", LEAK, change)))
    return rows


def hour(number: int):  # type: ignore[no-untyped-def]
    return BEGINNING + timedelta(hours=number)


def test_a_raised_issue_is_nobodys_in_its_first_state() -> None:
    assert after(RAISED) == [
        Issue(
            org_id=ORG,
            issue_id=LEAK,
            known_from=1,
            version=1,
            recorded_at=hour(1),
            effective_at=hour(1),
            project_id=PROJECT,
            title="The leak",
            kind="task",
            priority=None,
            state="Open",
            category="todo",
            assignee_id=None,
            team=None,
            is_blocked=False,
            blocked_at=None,
            estimate=None,
            estimate_unit=None,
            raised_at=hour(1),
            entered_state_at=hour(1),
            status_event_count=1,
            reopen_count=0,
            comment_count=0,
            move_count=0,
        )
    ]


def test_a_change_to_what_was_never_raised_is_refused() -> None:
    history = History()
    history.record("issue", LEAK, RAISED)
    with pytest.raises(UnknownEntity):
        ISSUES.project(None, history.record("issue", LEAK, IssueUnblocked()))


def test_triage_assignment_estimate_and_comment_leave_the_state_alone() -> None:
    last = after(
        RAISED,
        IssueTriaged(kind=IssueKind.BUG, kind_before=IssueKind.TASK, priority=Priority.HIGH),
        IssueAssigned(assignee_id=PERSON, team="Line A2"),
        IssueEstimated(estimate=Decimal("2.5"), unit=EstimateUnit.DAYS),
        IssueCommentedOn(comment_id=OTHER, text="hm"),
        IssueLinked(relation=LinkRelation.BLOCKS, target=f"issue-{OTHER}"),
    )[-1]
    assert (last.kind, last.priority, last.assignee_id, last.team) == ("bug", "high", PERSON, "Line A2")
    assert (last.estimate, last.estimate_unit, last.comment_count) == (Decimal("2.5"), "days", 1)
    assert (last.state, last.entered_state_at, last.status_event_count) == ("Open", hour(1), 1)


def test_a_state_that_is_said_again_lasts_since_it_was_entered_and_counts_as_a_status() -> None:
    rows = after(RAISED, moved(OPEN, DOING), moved(DOING, DOING), moved(DOING, SHUT))
    assert [(row.state, row.entered_state_at, row.status_event_count) for row in rows] == [
        ("Open", hour(1), 1),
        ("Doing", hour(2), 2),
        ("Doing", hour(2), 3),
        ("Shut", hour(4), 4),
    ]


def test_coming_back_from_a_finished_state_is_a_reopening_whatever_the_command() -> None:
    rows = after(
        RAISED,
        moved(OPEN, SHUT),
        moved(SHUT, DOING),
        IssueCancelled(
            reason="no", state_before="Doing", category_before=ACTIVE, state="Dropped", category=CANCELLED
        ),
        IssueReopened(
            reason="yes", state_before="Dropped", category_before=CANCELLED, state="Open", category=TODO
        ),
        moved(OPEN, SHUT),
        moved(SHUT, DROPPED),
    )
    assert [row.reopen_count for row in rows] == [0, 0, 1, 1, 2, 2, 2]


def test_a_block_holds_until_it_is_taken_away() -> None:
    rows = after(RAISED, IssueBlocked(reason="no key"), IssueBlocked(reason="no door"), IssueUnblocked())
    assert [(row.is_blocked, row.blocked_at) for row in rows] == [
        (False, None),
        (True, hour(2)),
        (True, hour(2)),
        (False, None),
    ]


def test_finishing_takes_the_block_away() -> None:
    last = after(RAISED, IssueBlocked(reason="no key"), moved(OPEN, SHUT))[-1]
    assert (last.is_blocked, last.blocked_at) == (False, None)


def test_a_moved_issue_belongs_to_the_other_project_and_keeps_its_history() -> None:
    rows = after(
        RAISED,
        IssueMovedOut(to_project_id=OTHER),
        IssueMovedIn(
            project_id=OTHER,
            from_project_id=PROJECT,
            state_before="Open",
            category_before=TODO,
            state="New",
            category=TODO,
        ),
    )
    assert [(row.project_id, row.state, row.move_count, row.version) for row in rows] == [
        (PROJECT, "Open", 0, 1),
        (PROJECT, "Open", 0, 2),
        (OTHER, "New", 1, 3),
    ]


def test_words_and_further_facts_of_a_change_are_kept() -> None:
    history = History()
    explained = [
        explain(history.record("issue", LEAK, data))
        for data in (
            RAISED.model_copy(update={"description": "water everywhere"}),
            moved(OPEN, DOING).model_copy(update={"note": "begun"}),
            IssueBlocked(reason="no key", blocked_by=f"issue-{OTHER}"),
            IssueLinked(relation=LinkRelation.BLOCKS, target=f"issue-{OTHER}"),
            IssueCommentedOn(comment_id=OTHER, text="hm"),
            IssueMovedOut(to_project_id=OTHER, reason="theirs"),
            IssueAssigned(team="Line A2"),
        )
    ]
    assert explained == [
        Explanation("water everywhere"),
        Explanation("begun"),
        Explanation("no key", {"blocked_by": f"issue-{OTHER}"}),
        Explanation(None, {"relation": "blocks", "target": f"issue-{OTHER}"}),
        Explanation("hm", {"comment_id": str(OTHER)}),
        Explanation("theirs", {"to_project_id": str(OTHER)}),
        Explanation(),
    ]

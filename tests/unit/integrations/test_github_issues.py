"""GitHub's events become issues that are done, cancelled or open, and the rest is counted by name."""

from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from integrations import github_events, github_issues
from integrations.import_line import identity
from integrations.noticing import Converted, Notice
from libs.events.portfolio import StateCategory
from tests.unit.integrations.folding import folded

PROJECT_ID = identity("repo", "Repo")
ANN, BOB = (identity("repo", "person", name) for name in ("ann", "bob"))


def collected(event: str, minute: int, issue: int = 1, **fields: Any) -> dict[str, Any]:
    at = f"2026-01-05T12:{minute:02}:00Z"
    return {"issue": issue, "type": "issue", "at": at, "event": event, "actor": "ann", **fields}


def converted(*events: dict[str, Any] | bytes) -> Converted:
    lines = [each if isinstance(each, bytes) else to_json(each) for each in events]
    return github_issues.convert(github_events.read(lines), github_issues.Options("repo", "Repo"))


def told(*events: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    result = converted(*events)
    assert folded(result.lines).refused == {}
    return [(line.command, dict(line.body)) for line in result.lines[2:]]


OPENED = collected("opened", 0, title="It breaks")
RAISED = (
    "issue.raise",
    {"project_id": str(PROJECT_ID), "title": "It breaks", "kind": "task", "state": "Open"},
)


def test_an_issue_is_opened_closed_and_reopened() -> None:
    events = (OPENED, collected("closed", 1), collected("reopened", 2), collected("closed", 3))

    assert told(*events) == [
        RAISED,
        ("issue.transition", {"state": "Done"}),
        ("issue.reopen", {"state": "Open", "reason": "Reopened on GitHub."}),
        ("issue.transition", {"state": "Done"}),
    ]


def test_lines_have_keys_instants_and_people() -> None:
    line = converted(OPENED, collected("closed", 1, actor="bob")).lines[3]

    assert (line.key, line.stream) == ("repo/Repo/1/2", f"issue-{identity('repo', 'Repo', '1')}")
    assert line.effective_at == datetime(2026, 1, 5, 12, 1, tzinfo=UTC)
    assert line.on_behalf_of == BOB


def test_an_issue_closed_as_not_planned_is_cancelled() -> None:
    assert told(OPENED, collected("closed", 1, state_reason="not_planned")) == [
        RAISED,
        ("issue.cancel", {"reason": "Closed as not planned."}),
    ]


def test_a_pull_request_is_done_when_merged_and_cancelled_when_closed_without_that() -> None:
    def pull(event: str, minute: int, **fields: Any) -> dict[str, Any]:
        return collected(event, minute, **{"type": "pull", **fields})

    merged = told(pull("opened", 0, title="Mend it"), pull("merged", 1), pull("closed", 1))
    late = told(pull("opened", 0, title="Mend it"), pull("closed", 1), pull("merged", 1))
    after = told(pull("opened", 0, title="Mend it"), pull("merged", 1), pull("closed", 2))
    closed = told(pull("opened", 0, title="Mend it"), pull("closed", 1))

    assert merged[1:] == late[1:] == after[1:] == [("issue.transition", {"state": "Done", "note": "Merged."})]
    assert merged[0][1]["kind"] == "request"
    assert closed[1:] == [("issue.cancel", {"reason": "Closed without being merged."})]


def test_a_pull_request_that_was_merged_is_not_called_closed_again() -> None:
    events = (OPENED, collected("merged", 1), collected("closed", 2))

    assert converted(*({**event, "type": "pull"} for event in events)).report.counts == {"closed_by_merge": 1}


def test_a_draft_is_in_work_until_it_is_ready_for_review() -> None:
    assert told(OPENED, collected("convert_to_draft", 1), collected("ready_for_review", 2))[1:] == [
        ("issue.transition", {"state": "Draft"}),
        ("issue.transition", {"state": "Open"}),
    ]


def test_an_issue_is_with_its_assignee_or_with_nobody() -> None:
    events = (
        OPENED,
        collected("assigned", 1, assignee={"login": "bob"}),
        collected("unassigned", 2, assignee={"login": "cleo"}),
        collected("unassigned", 3, assignee={"login": "bob"}),
        collected("assigned", 4),
    )

    assert told(*events)[1:] == [
        ("issue.assign", {"assignee_id": str(BOB)}),
        ("issue.assign", {"assignee_id": None}),
        ("issue.assign", {"assignee_id": str(ANN)}),
    ]
    assert converted(*events).report.counts == {"unassigned_another": 1}


def test_renamings_and_milestones_are_comments() -> None:
    events = (
        OPENED,
        collected("renamed", 1, rename={"from": "It breaks", "to": "It burns"}),
        collected("milestoned", 2, milestone="1.0"),
        collected("demilestoned", 3, milestone={"title": "1.0"}),
    )

    assert [body["text"] for _, body in told(*events)[1:]] == [
        "Renamed from “It breaks” to “It burns”.",
        "Put into the milestone 1.0.",
        "Taken out of the milestone 1.0.",
    ]


def test_what_no_command_expresses_is_counted_by_its_name() -> None:
    result = converted(
        OPENED,
        collected("labeled", 1, label="bug"),
        collected("labeled", 2, label="ui"),
        collected("locked", 3),
        collected("reopened", 4),
        collected("closed", 5),
        collected("closed", 6),
        collected("opened", 7),
    )

    assert result.report.counts == {
        "labeled": 2,
        "locked": 1,
        "reopened": 1,
        "closed_again": 1,
        "opened_again": 1,
    }
    assert result.report.examples["locked"] == [Notice("locked", "no command for locked of 1", record=4)]


def test_events_of_the_rest_api_are_read_and_the_opening_is_taken_from_the_issue() -> None:
    issue = {
        "number": 12,
        "title": "It breaks",
        "created_at": "2026-01-04T10:00:00Z",
        "user": {"login": "bob"},
        "pull_request": None,
    }
    rest = {
        "id": 1,
        "event": "closed",
        "created_at": "2026-01-05T12:00:00Z",
        "actor": {"login": "ann"},
        "state_reason": "completed",
        "issue": issue,
    }

    result = converted(rest)

    assert [(line.command, line.effective_at.day, line.on_behalf_of) for line in result.lines[2:]] == [
        ("issue.raise", 4, BOB),
        ("issue.transition", 5, ANN),
    ]
    assert result.lines[2].body["title"] == "It breaks"
    assert result.lines[0].effective_at == datetime(2026, 1, 4, 10, tzinfo=UTC)


def test_a_line_that_cannot_be_read_is_reported_by_number_and_the_rest_goes_on() -> None:
    result = converted(
        b"[]", OPENED, b"{", to_json({"issue": 1, "event": "closed"}), collected("closed", 1, at="?")
    )

    bad = [(notice.record, notice.is_bad) for notice in result.report.examples["unreadable_record"]]
    assert bad == [(1, True), (3, True), (4, True), (5, True)]
    assert len(result.lines) == 3


def test_a_workflow_is_adopted_that_has_all_the_states_that_come() -> None:
    states = converted(OPENED).lines[1].body["states"]

    assert [(state["name"], state["category"]) for state in states] == [
        ("Open", StateCategory.TODO),
        ("Draft", StateCategory.ACTIVE),
        ("Done", StateCategory.DONE),
        ("Cancelled", StateCategory.CANCELLED),
    ]

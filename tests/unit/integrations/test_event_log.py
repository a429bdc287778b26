"""A case becomes an issue: raised by its first event, moved by every later one, held by who is named."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies

from integrations import event_log
from integrations.event_log import Lifecycle, LogEvent, Options, TooManyStates
from integrations.import_line import identity
from integrations.noticing import Notice
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueKind
from tests.unit.integrations.folding import folded

DESK = Options("a log", "Desk", IssueKind.PROBLEM)
PROJECT_ID = identity("a log", "Desk")
ANN, BOB = (identity("a log", "person", name) for name in ("Ann", "Bob"))
MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def event(number: int, case_id: str, hours: float, activity: str, **fields: Any) -> LogEvent:
    return LogEvent(number, case_id, MONDAY + timedelta(hours=hours), activity, **fields)


def told(events: list[LogEvent | Notice], options: Options = DESK) -> list[tuple[str, str, dict[str, Any]]]:
    """Key, command and body of the lines after the two that make the project."""
    lines = event_log.convert(events, options).converted.lines
    return [(line.key.removeprefix("a log/Desk/"), line.command, dict(line.body)) for line in lines[2:]]


def raised(case_id: str, state: str) -> dict[str, Any]:
    return {"project_id": str(PROJECT_ID), "title": f"Case {case_id}", "kind": "problem", "state": state}


def assigned(assignee_id: object, team: str | None) -> dict[str, Any]:
    return {"assignee_id": str(assignee_id), "team": team}


def test_a_log_becomes_a_project_with_its_workflow_before_the_first_issue() -> None:
    log = event_log.convert(
        [event(1, "7", 2, "Closed"), event(2, "8", 1, "Waiting"), event(3, "7", 0, "New")], DESK
    )

    assert log.workflow == {
        "New": StateCategory.TODO,
        "Waiting": StateCategory.WAITING,
        "Closed": StateCategory.DONE,
    }
    assert [line.to_json() for line in log.converted.lines[:2]] == [
        b'{"key":"a log/Desk/propose","command":"project.propose","stream":"project-%s",'
        b'"effective_at":"2026-01-05T09:00:00Z","body":{"name":"Desk","summary":"Imported from a log."}}'
        % str(PROJECT_ID).encode(),
        b'{"key":"a log/Desk/adopt-workflow","command":"project.adopt-workflow","stream":"project-%s",'
        b'"effective_at":"2026-01-05T09:00:00Z","body":{"states":[{"name":"New","category":"todo"},'
        b'{"name":"Waiting","category":"waiting"},{"name":"Closed","category":"done"}]}}'
        % str(PROJECT_ID).encode(),
    ]


def test_the_first_event_raises_the_issue_and_every_later_one_moves_it_also_into_the_same_state() -> None:
    events: list[LogEvent | Notice] = [
        event(1, "7", 0, "New"),
        event(2, "7", 1, "New"),
        event(3, "7", 2, "Closed"),
    ]

    assert told(events) == [
        ("7/1", "issue.raise", raised("7", "New")),
        ("7/2", "issue.transition", {"state": "New"}),
        ("7/3", "issue.transition", {"state": "Closed"}),
    ]


def test_a_change_of_hands_is_told_before_the_move_it_came_with() -> None:
    events: list[LogEvent | Notice] = [
        event(1, "7", 0, "New", resource="Ann", group="First line"),
        event(2, "7", 1, "Active", resource="Ann", group="First line"),
        event(3, "7", 2, "Active", resource="Bob", group="First line"),
        event(4, "7", 3, "Active"),
        event(5, "7", 4, "Closed", group="Second line"),
    ]

    assert told(events) == [
        ("7/1", "issue.raise", raised("7", "New")),
        ("7/1/assign", "issue.assign", assigned(ANN, "First line")),
        ("7/2", "issue.transition", {"state": "Active"}),
        ("7/3/assign", "issue.assign", assigned(BOB, "First line")),
        ("7/3", "issue.transition", {"state": "Active"}),
        ("7/4", "issue.transition", {"state": "Active"}),
        ("7/5/assign", "issue.assign", assigned(BOB, "Second line")),
        ("7/5", "issue.transition", {"state": "Closed"}),
    ]


def test_an_event_is_sent_with_its_offset_and_on_behalf_of_who_did_it() -> None:
    at = datetime.fromisoformat("2026-01-05T09:00:00.250+02:00")
    lines = event_log.convert([LogEvent(1, "7", at, "New", resource="Ann")], DESK).converted.lines

    assert lines[2].on_behalf_of == ANN
    assert (
        b'"effective_at":"2026-01-05T09:00:00.250000+02:00","on_behalf_of":"%s"' % str(ANN).encode()
        in lines[2].to_json()
    )


def test_equal_timestamps_keep_the_order_of_the_file_and_earlier_ones_are_put_in_order() -> None:
    log = event_log.convert(
        [
            event(1, "7", 1, "New"),
            event(2, "7", 1, "Active"),
            event(3, "7", 1, "Closed"),
            event(4, "7", 0, "Draft"),
        ],
        DESK,
    )

    states = [line.body["state"] for line in log.converted.lines[2:]]
    assert states == ["Draft", "New", "Active", "Closed"]
    assert log.converted.report.examples == {
        "out_of_order": [Notice("out_of_order", "7: earlier than the event above it", record=4)]
    }


def test_a_category_that_was_told_overrules_the_guess() -> None:
    told_so = Options("a log", "Desk", categories={"Closed": StateCategory.WAITING})

    log = event_log.convert([event(1, "7", 0, "Closed"), event(2, "7", 1, "New")], told_so)

    assert log.workflow == {"New": StateCategory.TODO, "Closed": StateCategory.WAITING}


def test_lifecycles_are_ignored_combined_or_taken_only_when_complete() -> None:
    events = [
        event(1, "7", 0, "Accepted", lifecycle="start"),
        event(2, "7", 1, "Accepted", lifecycle="complete"),
        event(3, "7", 2, "Closed"),
    ]

    def states(lifecycle: Lifecycle) -> list[str]:
        log = event_log.convert(events, Options("a log", "Desk", lifecycle=lifecycle))
        return [line.body["state"] for line in log.converted.lines[2:]]

    assert states(Lifecycle.IGNORE) == ["Accepted", "Accepted", "Closed"]
    assert states(Lifecycle.COMBINE) == ["Accepted-start", "Accepted-complete", "Closed"]
    assert states(Lifecycle.COMPLETE) == ["Accepted", "Closed"]


def test_an_event_left_out_for_its_lifecycle_is_counted() -> None:
    options = Options("a log", "Desk", lifecycle=Lifecycle.COMPLETE)

    report = event_log.convert([event(1, "7", 0, "Accepted", lifecycle="start")], options).converted.report

    assert report.counts == {"lifecycle_left_out": 1, "empty": 1}


def test_of_snapshots_only_a_changed_state_is_a_move() -> None:
    events: list[LogEvent | Notice] = [
        event(1, "7", 0, "New"),
        event(2, "7", 1, "New", resource="Ann"),
        event(3, "7", 2, "Closed", resource="Ann"),
    ]

    assert [command for _, command, _ in told(events, Options("a log", "Desk", is_snapshots=True))] == [
        "issue.raise",
        "issue.assign",
        "issue.transition",
    ]
    report = event_log.convert(events, Options("a log", "Desk", is_snapshots=True)).converted.report
    assert report.counts == {"state_unchanged": 1}


def test_an_event_without_activity_is_reported_by_number_and_the_rest_goes_on() -> None:
    log = event_log.convert([event(1, "7", 0, " \t"), event(2, "7", 1, "New")], DESK)

    assert log.converted.report.examples["unnamed"] == [
        Notice("unnamed", "the event has no activity or no case", record=1, is_bad=True)
    ]
    assert len(log.converted.lines) == 3


def test_a_log_of_too_many_activities_is_refused_with_advice() -> None:
    events = [event(number, "7", number, f"Step {number}") for number in range(1, 52)]

    with pytest.raises(TooManyStates, match="51 different activities are too many"):
        event_log.convert(events, DESK)


def test_cases_of_one_log_are_told_in_the_order_of_time() -> None:
    events: list[LogEvent | Notice] = [
        event(1, "7", 0, "New"),
        event(2, "7", 2, "Closed"),
        event(3, "8", 1, "New"),
    ]

    assert [key for key, _, _ in told(events)] == ["7/1", "8/1", "7/2"]


names = strategies.text(max_size=4) | strategies.sampled_from(["a", "a/b", "x" * 300, "x" * 301])
any_events = strategies.builds(
    LogEvent,
    number=strategies.integers(1, 99),
    case_id=names,
    at=strategies.integers(0, 9).map(lambda hours: MONDAY + timedelta(hours=hours)),
    activity=names,
    resource=names,
    group=names,
    title=names,
)


@given(strategies.lists(any_events, max_size=30), strategies.booleans())
def test_whatever_a_log_holds_its_lines_are_accepted_in_order(
    events: list[LogEvent], is_snapshots: bool
) -> None:
    options = Options("a log", "Desk", is_snapshots=is_snapshots)
    lines = event_log.convert(events, options).converted.lines

    result = folded(lines)
    assert result.refused == {}
    assert len({line.key for line in lines}) == len(lines)
    assert all(0 < len(line.key) <= 255 for line in lines)
    assert [line.to_json() for line in lines] == [
        line.to_json() for line in event_log.convert(events, options).converted.lines
    ]

"""A milestone history becomes commands that tell the same story; the mess is told too, or named."""

from datetime import UTC, datetime

from integrations.noticing import Notice
from libs.events.schedule import MilestoneState
from tests.unit.integrations.folding import folded
from tests.unit.integrations.milestone_records import (
    LAUNCH,
    PROJECT_ID,
    actual,
    converted,
    noticed,
    planned,
    record,
    reforecast,
    removed,
    told,
)


def test_a_promise_kept_late_becomes_its_commands_line_by_line() -> None:
    result = converted(
        planned("2026-01-05T10:00:00+01:00", "2026-03-01"),
        reforecast("2026-02-20T08:30:00-05:00", "2026-03-15", previous_date="2026-03-01"),
        actual("2026-03-16T00:30:00+02:00", "2026-03-15", planned_date="2026-03-15"),
    )

    assert [line.to_json() for line in result.lines] == [
        b'{"key":"a source/Rocket/propose","command":"project.propose",'
        b'"stream":"project-%s","effective_at":"2026-01-05T09:00:00Z",'
        b'"body":{"name":"Rocket","summary":"Imported from a source."}}' % str(PROJECT_ID).encode(),
        b'{"key":"a source/Rocket/launch/1","command":"milestone.plan","stream":"%s",'
        b'"effective_at":"2026-01-05T09:00:00Z","body":{"project_id":"%s","name":"launch",'
        b'"target_on":"2026-03-01"}}' % (LAUNCH.encode(), str(PROJECT_ID).encode()),
        b'{"key":"a source/Rocket/launch/2","command":"milestone.commit","stream":"%s",'
        b'"effective_at":"2026-01-05T09:00:00Z","body":{"baseline_on":"2026-03-01"}}' % LAUNCH.encode(),
        b'{"key":"a source/Rocket/launch/3","command":"milestone.reforecast","stream":"%s",'
        b'"effective_at":"2026-02-20T13:30:00Z","body":{"forecast_on":"2026-03-15",'
        b'"reason":"The date was moved in a source."}}' % LAUNCH.encode(),
        b'{"key":"a source/Rocket/launch/4","command":"milestone.achieve","stream":"%s",'
        b'"effective_at":"2026-03-15T22:30:00Z","body":{"achieved_on":"2026-03-15"}}' % LAUNCH.encode(),
    ]
    assert result.report.counts == {}


def test_an_actual_date_without_a_plan_is_planned_without_a_date_and_achieved() -> None:
    result = converted(actual("2026-03-16T00:00:00Z", "2026-03-15"))

    assert told(result.lines) == [("plan", ""), ("achieve", "2026-03-15")]
    assert noticed(result) == [
        Notice("actual_without_plan", "Rocket: launch: met on 2026-03-15, never planned", record=1)
    ]


def test_a_removed_milestone_is_cancelled_and_what_is_planned_again_is_reinstated() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        removed("2026-01-02T00:00:00Z", previous_date="2026-03-01"),
        planned("2026-01-03T00:00:00Z", "2026-04-01"),
    )

    assert told(result.lines) == [
        ("plan", "2026-03-01"),
        ("commit", "2026-03-01"),
        ("cancel", ""),
        ("reinstate", ""),
        ("reforecast", "2026-04-01"),
    ]
    assert result.report.counts == {"again_after_removal": 1}


def test_planned_again_on_the_old_date_is_no_reforecast() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        removed("2026-01-02T00:00:00Z"),
        planned("2026-01-03T00:00:00Z", "2026-03-01"),
    )

    assert [verb for verb, _ in told(result.lines)] == ["plan", "commit", "cancel", "reinstate"]


def test_another_actual_date_corrects_the_achievement_and_the_same_one_is_only_counted() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        actual("2026-03-02T00:00:00Z", "2026-03-01"),
        actual("2026-03-03T00:00:00Z", "2026-03-02"),
        actual("2026-03-04T00:00:00Z", "2026-03-02"),
    )

    assert told(result.lines)[2:] == [("achieve", "2026-03-01"), ("correct-achievement", "2026-03-02")]
    assert noticed(result) == [
        Notice("nothing_new", "Rocket: launch: met on 2026-03-02, as before", record=4)
    ]


def test_a_milestone_removed_after_it_was_met_is_withdrawn_and_cancelled() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        actual("2026-03-02T00:00:00Z", "2026-03-01"),
        removed("2027-03-03T00:00:00Z", previous_date="2026-03-01"),
        actual("2027-03-04T00:00:00Z", "2026-03-01"),
    )

    assert told(result.lines)[3:] == [
        ("withdraw-achievement", ""),
        ("cancel", ""),
        ("reinstate", ""),
        ("achieve", "2026-03-01"),
    ]
    assert result.lines[4].body["reason"] == "a source no longer lists it, nor that it was met on 2026-03-01."
    assert result.report.counts == {"removed_after_achievement": 1, "again_after_removal": 1}


def test_a_milestone_expected_again_after_it_was_met_withdraws_the_achievement() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        actual("2026-03-02T00:00:00Z", "2026-03-01"),
        reforecast("2026-03-03T00:00:00Z", "2026-05-01"),
    )

    assert told(result.lines)[3:] == [("withdraw-achievement", ""), ("reforecast", "2026-05-01")]
    assert result.report.counts == {"open_after_achievement": 1}


def test_a_move_of_a_milestone_never_seen_starts_where_the_record_says_it_was() -> None:
    result = converted(reforecast("2026-03-03T00:00:00Z", "2026-05-01", previous_date="2026-04-01"))

    assert told(result.lines) == [
        ("plan", "2026-04-01"),
        ("commit", "2026-04-01"),
        ("reforecast", "2026-05-01"),
    ]
    assert set(result.report.counts) == {"reforecast_without_plan", "previous_date_differs"}


def test_the_first_planned_date_is_the_baseline_even_when_it_comes_late() -> None:
    result = converted(
        record("planned", "2026-01-01T00:00:00Z"), reforecast("2026-01-02T00:00:00Z", "2026-05-01")
    )

    assert told(result.lines) == [("plan", ""), ("reforecast", "2026-05-01"), ("commit", "2026-05-01")]
    assert not folded(result.lines).refused


def test_what_changes_nothing_is_counted_by_name_with_its_line() -> None:
    result = converted(
        removed("2026-01-01T00:00:00Z"),
        planned("2026-01-02T00:00:00Z", "2026-03-01"),
        planned("2026-01-03T00:00:00Z", "2026-03-01"),
        record("reforecast", "2026-01-04T00:00:00Z"),
        reforecast("2026-01-05T00:00:00Z", "2026-04-01", previous_date="2026-03-02"),
    )

    assert told(result.lines) == [
        ("plan", "2026-03-01"),
        ("commit", "2026-03-01"),
        ("reforecast", "2026-04-01"),
    ]
    assert noticed(result) == [
        Notice("nothing_to_remove", "Rocket: launch: removed while it was not in the plan", record=1),
        Notice("nothing_new", "Rocket: launch: planned for 2026-03-01, as before", record=3),
        Notice("no_date", "Rocket: launch: reforecast without a planned date changes nothing", record=4),
        Notice(
            "previous_date_differs",
            "Rocket: launch: was 2026-03-02 says the record, 2026-03-01 the file",
            record=5,
        ),
    ]


def test_a_date_in_the_past_and_a_typing_mistake_are_taken_as_they_are() -> None:
    result = converted(
        planned("2026-06-01T00:00:00Z", "2026-03-01"),
        reforecast("2026-06-02T00:00:00Z", "2006-03-01"),
        reforecast("2026-06-03T00:00:00Z", "2026-03-01"),
    )

    assert told(result.lines)[2:] == [("reforecast", "2006-03-01"), ("reforecast", "2026-03-01")]


def test_where_no_actual_date_is_known_the_last_date_that_has_passed_stands_for_it() -> None:
    records = (
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        planned("2026-01-01T00:00:00Z", "2026-01-20", milestone="rollout"),
        planned("2026-03-02T00:00:00Z", "2026-03-02", milestone="landing"),
    )

    result = converted(*records, assume_met=True)

    assert [
        (line.key, line.effective_at) for line in result.lines if line.command == "milestone.achieve"
    ] == [
        ("a source/Rocket/rollout/assumed", datetime(2026, 1, 20, 23, 59, 59, 999999, UTC)),
        ("a source/Rocket/launch/assumed", datetime(2026, 3, 1, 23, 59, 59, 999999, UTC)),
    ]
    assert result.report.counts == {"assumed_met": 2}
    assert converted(*records).report.counts == {}


def test_an_assumed_achievement_comes_no_earlier_than_the_last_thing_that_was_said() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        reforecast("2027-01-01T09:00:00Z", "2026-03-08"),
        assume_met=True,
    )

    assert told(result.lines)[-1] == ("achieve", "2026-03-08")
    assert result.lines[-1].effective_at == datetime(2027, 1, 1, 9, tzinfo=UTC)
    assert result.lines[-1].body["note"] == (
        "Assumed: a source records no actual date, so the last planned date stands for it."
    )


def test_records_out_of_order_are_put_in_order_and_named() -> None:
    result = converted(
        planned("2026-01-02T00:00:00Z", "2026-03-01"),
        planned("2026-01-01T00:00:00Z", "2026-02-01"),
    )

    assert told(result.lines) == [
        ("plan", "2026-02-01"),
        ("commit", "2026-02-01"),
        ("reforecast", "2026-03-01"),
    ]
    assert result.report.counts == {"out_of_order": 1}


def test_records_of_one_instant_keep_the_order_of_the_file() -> None:
    result = converted(
        planned("2026-01-01T01:00:00+01:00", "2026-03-01"),
        reforecast("2026-01-01T00:00:00Z", "2026-04-01"),
        reforecast("2025-12-31T23:00:00-01:00", "2026-05-01"),
    )

    assert told(result.lines)[2:] == [("reforecast", "2026-04-01"), ("reforecast", "2026-05-01")]
    assert result.report.counts == {}


def test_every_bridge_the_converter_builds_carries_the_aggregate() -> None:
    result = converted(
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        actual("2026-03-02T00:00:00Z", "2026-03-01"),
        reforecast("2026-03-03T00:00:00Z", "2026-05-01"),
        removed("2026-03-04T00:00:00Z"),
        reforecast("2026-03-05T00:00:00Z", "2026-06-01"),
        actual("2026-03-06T00:00:00Z", "2026-03-05", planned_date="2026-03-05"),
        removed("2026-03-07T00:00:00Z"),
    )

    history = folded(result.lines)
    assert history.refused == {}
    assert history.unchanged == []
    assert history.states[LAUNCH].state is MilestoneState.CANCELLED

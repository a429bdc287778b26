"""What is written badly or too long in a milestone history is reported by number, and the rest goes on."""

from tests.unit.integrations.milestone_records import (
    converted,
    noticed,
    planned,
    record,
    removed,
    told,
)


def test_a_line_that_cannot_be_read_is_reported_by_number_and_the_rest_goes_on() -> None:
    result = converted(
        b"{not json",
        planned("2026-01-01T00:00:00Z", "2026-03-01"),
        b"",
        planned("2026-01-01T00:00:00", "2026-03-01"),
        planned("2026-01-01T00:00:00Z", "2026-13-01"),
        record("finished", "2026-01-01T00:00:00Z"),
        {"project": "Rocket", "kind": "planned", "recorded_at": "2026-01-01T00:00:00Z"},
        planned("2026-01-01T00:00:00Z", "2026-03-01", milestone="\x00 \x07"),
        removed("2026-01-02T00:00:00Z"),
    )

    assert [verb for verb, _ in told(result.lines)] == ["plan", "commit", "cancel"]
    assert [notice.record for notice in noticed(result)] == [1, 4, 5, 6, 7, 8]
    assert all(notice.is_bad and notice.code == "unreadable_record" for notice in noticed(result))
    assert result.report.bad == 6


def test_a_name_too_long_for_a_milestone_is_shortened_but_not_confused() -> None:
    names = ["x" * 300 + "a", "x" * 300 + "b"]
    result = converted(*(planned("2026-01-01T00:00:00Z", "2026-03-01", milestone=name) for name in names))

    shown = [line.body["name"] for line in result.lines if line.command == "milestone.plan"]
    assert len(set(shown)) == len({line.stream for line in result.lines}) - 1 == 2
    assert all(len(name) <= 200 for name in shown)
    assert len({line.key for line in result.lines}) == len(result.lines)
    assert all(len(line.key) <= 255 for line in result.lines)
    assert result.report.counts == {"name_shortened": 2}


def test_a_record_without_a_source_has_that_of_the_file() -> None:
    nameless = {
        key: value for key, value in planned("2026-01-01T00:00:00Z", "2026-03-01").items() if key != "source"
    }

    assert converted(nameless).lines[0].key == "a file/Rocket/propose"

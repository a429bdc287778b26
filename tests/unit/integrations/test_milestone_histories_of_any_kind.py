"""Whatever a source says about its milestones, the lines can be taken in the order in which they are sent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings, strategies

from integrations import milestone_history
from integrations.milestone_records import Kind, MilestoneRecord
from tests.unit.integrations.folding import folded

dates = strategies.none() | strategies.integers(0, 6).map(
    lambda days: date(2026, 1, 1) + timedelta(days=days)
)
instants = strategies.integers(0, 20).map(
    lambda hours: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(hours=9 * hours)
)
records = strategies.builds(
    MilestoneRecord,
    number=strategies.integers(1, 99),
    source=strategies.sampled_from(["a", "a/b"]),
    project=strategies.sampled_from(["b", "b/c", "c"]),
    milestone=strategies.sampled_from(["c", "propose", "c/1", "x" * 400]),
    recorded_at=instants,
    kind=strategies.sampled_from(Kind),
    planned_on=dates,
    actual_on=dates,
    previous_on=dates,
)


def of_one_milestone(record: MilestoneRecord) -> MilestoneRecord:
    return replace(record, source="a", project="b", milestone="c")


histories = strategies.lists(records, max_size=40)


@given(histories, strategies.booleans())
def test_lines_never_run_backwards_and_no_two_share_a_key(
    history: list[MilestoneRecord], assume_met: bool
) -> None:
    lines = milestone_history.convert(history, assume_met=assume_met).lines

    latest: dict[str, datetime] = {}
    for line in lines:
        assert latest.get(line.stream, line.effective_at) <= line.effective_at
        latest[line.stream] = line.effective_at
    assert len({line.key for line in lines}) == len(lines)
    assert all(0 < len(line.key) <= 255 for line in lines)


@given(histories)
def test_converting_twice_gives_the_same_bytes(history: list[MilestoneRecord]) -> None:
    once = [line.to_json() for line in milestone_history.convert(history).lines]
    assert once == [line.to_json() for line in milestone_history.convert(history).lines]


@settings(deadline=None)
@given(histories, strategies.booleans())
def test_the_aggregates_accept_every_line_and_none_is_idle(
    history: list[MilestoneRecord], assume_met: bool
) -> None:
    result = folded(milestone_history.convert(history, assume_met=assume_met).lines)

    assert result.refused == {}
    assert result.unchanged == []


def counted(history: list[MilestoneRecord]) -> int:
    converted = milestone_history.convert(history, assume_met=False)
    return len(converted.lines) + converted.report.counts.total()


@given(strategies.lists(records.map(of_one_milestone), max_size=12))
def test_no_record_is_dropped_silently(history: list[MilestoneRecord]) -> None:
    """Each further record becomes at least one more line or notice."""
    ordered = sorted(history, key=lambda record: record.recorded_at)
    for length in range(len(ordered)):
        assert counted(ordered[: length + 1]) > counted(ordered[:length])

"""What is known of the Python releases comes out of the facts, folded through the aggregates."""

from datetime import date

import pytest

from integrations import milestone_history, milestone_records
from integrations.import_line import identity
from integrations.noticing import Converted
from libs.events.schedule import MilestoneReforecast, MilestoneState
from services.projects.schedule.milestone.milestone import Milestone
from tests.unit.integrations.folding import Folded, folded
from tests.unit.integrations.sources import FACTS, reading, whole_or_extract

SOURCE = "github:python/peps"


def stream(release: str, milestone: str) -> str:
    return f"milestone-{identity(SOURCE, release, milestone)}"


@pytest.fixture(scope="module")
def converted() -> Converted:
    path, _ = whole_or_extract("milestones/python-releases.jsonl", "python-releases.jsonl")
    with reading(path) as file:
        return milestone_history.convert(milestone_records.read(file, "facts"))


@pytest.fixture(scope="module")
def history(converted: Converted) -> Folded:
    return folded(converted.lines)


def test_no_line_of_the_python_releases_is_refused(history: Folded) -> None:
    assert history.refused == {}
    assert history.unchanged == []


@pytest.mark.parametrize(
    ("release", "milestone", "baseline_on", "achieved_on", "reforecasts", "slip_days"),
    [
        ("Python 3.2", "3.2 final", date(2010, 12, 11), date(2011, 2, 20), 7, 71),
        ("Python 3.3", "3.3.0 final", date(2012, 8, 18), date(2012, 9, 29), 4, 42),
        ("Python 3.4", "3.4.0 final", date(2014, 2, 22), date(2014, 3, 16), 3, 22),
        ("Python 3.9", "3.9.0 final", date(2020, 6, 8), date(2020, 10, 5), 1, 119),
    ],
)
def test_a_final_release_was_promised_moved_and_met_as_is_known(
    history: Folded,
    release: str,
    milestone: str,
    baseline_on: date,
    achieved_on: date,
    reforecasts: int,
    slip_days: int,
) -> None:
    final: Milestone = history.states[stream(release, milestone)]

    assert (final.baseline_on, final.achieved_on) == (baseline_on, achieved_on)
    assert final.state is MilestoneState.ACHIEVED
    assert (achieved_on - baseline_on).days == slip_days
    moves = [e for e in history.events[stream(release, milestone)] if isinstance(e, MilestoneReforecast)]
    assert len(moves) == final.reforecast_count == reforecasts


def test_the_final_of_3_9_moved_on_the_ninth_of_september_2019_and_was_met_that_day(
    converted: Converted,
) -> None:
    lines = [line for line in converted.lines if line.stream == stream("Python 3.9", "3.9.0 final")]

    assert [(line.command, str(line.effective_at.date())) for line in lines] == [
        ("milestone.plan", "2019-06-04"),
        ("milestone.commit", "2019-06-04"),
        ("milestone.reforecast", "2019-09-09"),
        ("milestone.achieve", "2020-10-08"),
    ]
    assert [line.body.get("forecast_on") or line.body.get("achieved_on") for line in lines[2:]] == [
        "2020-10-05",
        "2020-10-05",
    ]


def test_the_final_of_3_2_has_no_actual_date_in_the_source_and_the_converter_says_so(
    converted: Converted,
) -> None:
    achieved = next(
        line
        for line in converted.lines
        if line.stream == stream("Python 3.2", "3.2 final") and line.command == "milestone.achieve"
    )

    assert achieved.body["note"] == (
        f"Assumed: {SOURCE} records no actual date, so the last planned date stands for it."
    )
    assert converted.report.counts["assumed_met"] > 0


def test_the_extract_alone_gives_the_same_lives_as_the_whole_file(history: Folded) -> None:
    with reading(FACTS / "python-releases.jsonl") as file:
        extract = folded(milestone_history.convert(milestone_records.read(file, "facts")).lines)

    assert {name: history.states[name] for name in extract.states} == extract.states
    assert len(extract.of("project")) == 5

"""Milestones, asked over HTTP as of then."""

from datetime import UTC, date, datetime

from libs.events.portfolio import ProjectProposed
from libs.events.schedule import (
    MilestoneAchieved,
    MilestoneAchievementWithdrawn,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneReforecast,
    MilestoneState,
)
from tests.component.timeline.conftest import Timeline
from tests.support.history import an_id

PYTHON = an_id("Python 3.9")
FINAL = an_id("3.9.0 final")


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def the_history_of_python_3_9(timeline: Timeline) -> None:
    record = timeline.history.record
    record(
        "project",
        PYTHON,
        ProjectProposed(project_id=PYTHON, name="Python 3.9"),
        effective_at=noon("2019-06-04"),
    )
    for data, day in (
        (MilestonePlanned(project_id=PYTHON, name="3.9.0 final", target_on=date(2020, 6, 8)), "2019-06-04"),
        (MilestoneCommitted(baseline_on=date(2020, 6, 8)), "2019-06-04"),
        (
            MilestoneReforecast(
                forecast_on_before=date(2020, 6, 8),
                forecast_on=date(2020, 10, 5),
                reason="release calendar moved",
            ),
            "2019-09-09",
        ),
        (MilestoneAchieved(achieved_on=date(2020, 10, 5)), "2020-10-05"),
    ):
        record("milestone", FINAL, data, effective_at=noon(day))


async def test_the_forecast_of_then_answers_for_then(timeline: Timeline) -> None:
    the_history_of_python_3_9(timeline)
    await timeline.tell()
    before = await timeline.ask(f"/milestones/{FINAL}", effective_at="2019-09-01")
    after = await timeline.ask(f"/milestones/{FINAL}", effective_at="2019-10-01")
    assert [before["forecast_on"], after["forecast_on"]] == ["2020-06-08", "2020-10-05"]
    now = await timeline.ask(f"/milestones/{FINAL}")
    assert (now["state"], now["achieved_on"], now["slip_days_calendar"]) == ("achieved", "2020-10-05", 119)


async def test_a_history_tells_every_baseline_forecast_and_actual_with_both_clocks(
    timeline: Timeline,
) -> None:
    the_history_of_python_3_9(timeline)
    await timeline.tell()
    history = await timeline.ask(f"/milestones/{FINAL}/history")
    told = {
        name: [
            (fact["on"], fact["known_from"], fact["effective_at"], fact["reason"]) for fact in history[name]
        ]
        for name in ("baselines", "forecasts", "actuals")
    }
    assert told == {
        "baselines": [("2020-06-08", 3, "2019-06-04T12:00:00.000000Z", None)],
        "forecasts": [
            ("2020-06-08", 2, "2019-06-04T12:00:00.000000Z", None),
            ("2020-10-05", 4, "2019-09-09T12:00:00.000000Z", "release calendar moved"),
        ],
        "actuals": [("2020-10-05", 5, "2020-10-05T12:00:00.000000Z", None)],
    }
    assert [change["type"] for change in history["changes"]] == [
        "milestone.planned",
        "milestone.committed",
        "milestone.reforecast",
        "milestone.achieved",
    ]
    assert history["changes"][0]["recorded_at"] == "2026-01-05T09:02:00.000000Z"
    assert history["milestone"]["reforecast_count"] == 1


async def test_without_a_baseline_the_slip_is_nothing_with_a_reason(timeline: Timeline) -> None:
    timeline.history.record(
        "milestone", FINAL, MilestonePlanned(project_id=PYTHON, name="final", target_on=date(2020, 6, 8))
    )
    await timeline.tell()
    milestone = await timeline.ask(f"/milestones/{FINAL}")
    assert (milestone["slip_days_calendar"], milestone["slip_reason"]) == (None, "no_baseline")


async def test_an_achievement_that_became_known_late_is_part_of_the_history_of_its_day(
    timeline: Timeline,
) -> None:
    record = timeline.history.record
    record(
        "milestone", FINAL, MilestonePlanned(project_id=PYTHON, name="final"), effective_at=noon("2020-01-01")
    )
    record(
        "milestone", FINAL, MilestoneAchieved(achieved_on=date(2020, 10, 5)), effective_at=noon("2020-12-24")
    )
    await timeline.tell()
    history = await timeline.ask(f"/milestones/{FINAL}/history", effective_at="2020-11-01")
    assert [fact["on"] for fact in history["actuals"]] == ["2020-10-05"]
    assert (
        await timeline.ask(f"/milestones/{FINAL}", as_of=1, effective_at="2020-11-01") != history["milestone"]
    )
    earlier = await timeline.ask(f"/milestones/{FINAL}/history", effective_at="2020-10-04")
    assert (earlier["actuals"], earlier["milestone"]["state"]) == ([], "planned")


async def test_a_day_whose_past_was_put_right_is_not_said_to_be_as_it_was(timeline: Timeline) -> None:
    the_history_of_python_3_9(timeline)
    await timeline.tell()
    then = f"/milestones/{FINAL}?effective_at=2020-11-01"
    async with timeline.client() as client:
        achieved = await client.get(then)
        timeline.history.record(
            "milestone",
            FINAL,
            MilestoneAchievementWithdrawn(
                achieved_on_before=date(2020, 10, 5),
                state=MilestoneState.COMMITTED,
                reason="It was a candidate.",
            ),
            effective_at=noon("2020-12-01"),
        )
        await timeline.tell()
        again = await client.get(then, headers={"If-None-Match": achieved.headers["etag"]})
    assert [achieved.json()["state"], again.status_code] == ["achieved", 200]
    assert again.json()["state"] == "committed"


async def test_a_trend_has_points_a_line_per_baseline_and_ends_on_the_diagonal(timeline: Timeline) -> None:
    the_history_of_python_3_9(timeline)
    await timeline.tell()
    trend = await timeline.ask(f"/milestones/{FINAL}/trend")
    assert trend["points"] == [
        {"reported_on": "2019-06-04", "forecast_on": "2020-06-08", "kind": "forecast", "invalid": None},
        {"reported_on": "2019-09-09", "forecast_on": "2020-10-05", "kind": "forecast", "invalid": None},
        {"reported_on": "2020-10-05", "forecast_on": "2020-10-05", "kind": "actual", "invalid": None},
    ]
    assert trend["reference_lines"] == [{"baseline_on": "2020-06-08", "since": "2019-06-04", "until": None}]
    assert (trend["slope"], trend["slope_reason"]) == (None, "too_few_reports")


async def test_a_forecast_that_is_over_is_an_invalid_point_of_the_trend(timeline: Timeline) -> None:
    the_history_of_python_3_9(timeline)
    await timeline.tell()
    trend = await timeline.ask(f"/milestones/{FINAL}/trend", as_of=3, effective_at="2020-07-01")
    assert trend["points"][-1] == {
        "reported_on": "2020-07-01",
        "forecast_on": "2020-06-08",
        "kind": "carried",
        "invalid": "overdue_without_reforecast",
    }
    assert (trend["milestone"]["is_overdue"], trend["milestone"]["is_missed"]) == (True, True)


async def test_a_trend_is_drawn_the_same_each_time(timeline: Timeline) -> None:
    the_history_of_python_3_9(timeline)
    await timeline.tell()
    async with timeline.client() as client:
        first = await client.get(f"/milestones/{FINAL}/trend.svg")
        again = await client.get(f"/milestones/{FINAL}/trend.svg", params={"as_of": 5})
    assert first.headers["content-type"].startswith("image/svg+xml")
    assert (first.content, first.headers["milepost-position"]) == (again.content, "5")
    assert ">3.9.0 final<" in first.text

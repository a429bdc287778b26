"""Milestones, asked over HTTP as of then."""

from datetime import UTC, date, datetime

from libs.events.portfolio import ProjectProposed
from libs.events.schedule import MilestoneAchieved, MilestoneCommitted, MilestonePlanned, MilestoneReforecast
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

"""What is known of two real histories comes out again, to the day: the Python releases and a problem desk."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from integrations.import_line import ImportLine, identity
from tests.end_to_end.histories import DESK, PYTHON_SOURCE, Imported, sent
from tests.end_to_end.people import Person, somebody

SAMPLED_CASES = 100
LED_TO = {
    "milestone.plan": "milestone.planned",
    "milestone.commit": "milestone.committed",
    "milestone.reforecast": "milestone.reforecast",
    "milestone.achieve": "milestone.achieved",
    "milestone.correct-achievement": "milestone.achievement_corrected",
    "milestone.withdraw-achievement": "milestone.achievement_withdrawn",
    "milestone.cancel": "milestone.cancelled",
    "milestone.reinstate": "milestone.reinstated",
}


@pytest_asyncio.fixture
async def reader(end_to_end: Stack, imported: Imported) -> AsyncIterator[Person]:
    """Somebody of the organization into which the histories were imported."""
    async with somebody(end_to_end, org_id=imported.org_id, org_role="auditor") as person:
        person.position = imported.summary.position
        yield person


def milestone(release: str, name: str) -> str:
    return f"milestones/{identity(PYTHON_SOURCE, release, name)}"


# --- Everything arrives, once ---


def test_every_line_is_recorded(imported: Imported) -> None:
    assert imported.summary.refused == []
    assert imported.summary.outcomes == {"recorded": len(imported.lines)}


async def test_the_same_import_again_records_nothing(
    end_to_end: Stack, imported: Imported, reader: Person
) -> None:
    again = await asyncio.to_thread(sent, end_to_end, imported.org_id, imported.actor, imported.lines)
    assert again.outcomes == {"replayed": len(imported.lines)}
    assert again.position == imported.summary.position


# --- Python releases ---


@pytest.mark.parametrize(
    ("release", "name", "baseline_on", "achieved_on", "reforecasts", "slip_days"),
    [
        ("Python 3.2", "3.2 final", "2010-12-11", "2011-02-20", 7, 71),
        ("Python 3.3", "3.3.0 final", "2012-08-18", "2012-09-29", 4, 42),
        ("Python 3.4", "3.4.0 final", "2014-02-22", "2014-03-16", 3, 22),
        ("Python 3.9", "3.9.0 final", "2020-06-08", "2020-10-05", 1, 119),
    ],
)
async def test_a_final_release_was_promised_moved_and_met(
    reader: Person,
    release: str,
    name: str,
    baseline_on: str,
    achieved_on: str,
    reforecasts: int,
    slip_days: int,
) -> None:
    final = await reader.asks(milestone(release, name))
    found = {name: final[name] for name in ("name", "state", "baseline_on", "achieved_on")}
    assert found == {
        "name": name,
        "state": "achieved",
        "baseline_on": baseline_on,
        "achieved_on": achieved_on,
    }
    assert (final["reforecast_count"], final["slip_days_calendar"]) == (reforecasts, slip_days)
    assert final["is_missed"]

    history = await reader.asks(f"{milestone(release, name)}/history")
    assert len(history["forecasts"]) == reforecasts + 1
    assert [each["on"] for each in history["actuals"]] == [achieved_on]


@pytest.mark.parametrize(
    ("moment", "state", "forecast_on", "achieved_on"),
    [
        ("2019-09-01", "committed", "2020-06-08", None),
        ("2019-10-01", "committed", "2020-10-05", None),
        ("2020-10-04", "committed", "2020-10-05", None),
        ("2020-10-05", "achieved", "2020-10-05", "2020-10-05"),
        ("2020-10-31", "achieved", "2020-10-05", "2020-10-05"),
    ],
)
async def test_when_3_9_was_expected_depends_on_when_one_asks(
    reader: Person, moment: str, state: str, forecast_on: str, achieved_on: str | None
) -> None:
    then = await reader.asks(milestone("Python 3.9", "3.9.0 final"), effective_at=moment)
    assert (then["state"], then["forecast_on"], then["achieved_on"]) == (state, forecast_on, achieved_on)
    assert then["baseline_on"] == "2020-06-08"


async def test_before_it_was_planned_3_9_did_not_exist(reader: Person) -> None:
    answer = await reader.timeline.get(
        f"/v1/timeline/{milestone('Python 3.9', '3.9.0 final')}", params={"effective_at": "2019-06-03"}
    )
    assert answer.status_code == 404


async def test_where_the_source_has_no_actual_date_history_says_that_it_was_assumed(reader: Person) -> None:
    history = await reader.asks(f"{milestone('Python 3.2', '3.2 final')}/history")
    [actual] = history["actuals"]
    assert actual["reason"].startswith("Assumed: github:python/peps records no actual date")


async def test_the_mess_of_the_source_is_kept_as_history(imported: Imported, reader: Person) -> None:
    """What was removed and planned again, put right or taken back is told as it happened, in its order."""
    lives: dict[str, list[ImportLine]] = {}
    for line in imported.lines:
        lives.setdefault(line.stream, []).append(line)
    messy = {"milestone.reinstate", "milestone.correct-achievement", "milestone.withdraw-achievement"}
    found = {stream: life for stream, life in lives.items() if messy & {line.command for line in life}}
    assert found
    for stream, life in found.items():
        history = await reader.asks(f"milestones/{stream.removeprefix('milestone-')}/history")
        moments = [datetime.fromisoformat(change["effective_at"]) for change in history["changes"]]
        assert sorted(moments) == moments
        assert [change["type"] for change in history["changes"]] == [LED_TO[line.command] for line in life]


# --- The problem desk ---


async def test_the_desk_has_as_many_problems_and_status_events_as_the_file(
    imported: Imported, reader: Person
) -> None:
    cases, events = (1_487, 6_660) if imported.files.are_whole else (100, 582)
    assert (len(imported.cases), sum(map(len, imported.cases.values()))) == (cases, events)

    issues = await every(reader, "issues", project_id=str(DESK.project_id))
    assert len(issues) == cases
    assert sum(issue["status_event_count"] for issue in issues) == events
    summary = await reader.asks(f"projects/{DESK.project_id}/summary")
    assert summary["issues"]["status_events"] == events


async def every(reader: Person, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    page = await reader.asks(path, limit=200, **parameters)
    items: list[dict[str, Any]] = page["items"]
    while page["next_cursor"]:
        page = await reader.asks(path, limit=200, cursor=page["next_cursor"], **parameters)
        items += page["items"]
    return items


async def test_every_problem_went_through_its_states_in_the_order_and_at_the_times_of_the_file(
    imported: Imported, reader: Person
) -> None:
    for case_id, records in list(imported.cases.items())[:SAMPLED_CASES]:
        history = await reader.asks(f"issues/{DESK.issue_id(case_id)}/history")
        told = [
            (each["state"], datetime.fromisoformat(each["effective_at"])) for each in history["transitions"]
        ]
        assert told == [
            (record["activity"], datetime.fromisoformat(record["timestamp"]).astimezone(UTC))
            for record in records
        ], case_id


async def test_a_problem_raised_at_sixteen_hours_of_eastern_european_time_was_raised_at_fourteen_of_utc(
    imported: Imported, reader: Person
) -> None:
    assert imported.cases["1-109135791"][0]["timestamp"] == "2006-01-11T16:49:42.000+02:00"
    issue = await reader.asks(f"issues/{DESK.issue_id('1-109135791')}")
    assert issue["raised_at"] == "2006-01-11T14:49:42.000000Z"

"""A milestone from its plan to its achievement: commanded in one service, answered by another, kept as it was."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from defusedxml.ElementTree import fromstring

from deploy.local.stack import Stack
from tests.end_to_end.people import Person

PURPOSE = "Leave the old data center before the lease ends."


async def planned(owner: Person) -> tuple[str, str]:
    """A chartered project that executes, and a milestone that was promised and moved once."""
    project_id, milestone_id = str(uuid4()), str(uuid4())
    await owner.says("projects", project_id=project_id, name="Moving house", summary="All services.")
    charter = {"purpose": PURPOSE, "starts_on": "2026-01-05", "finishes_on": "2026-12-18"}
    await owner.says(f"projects/{project_id}/approve-charter", **charter)
    await owner.says(f"projects/{project_id}/enter-phase", phase="executing")
    names: dict[str, Any] = {"project_id": project_id, "milestone_id": milestone_id}
    await owner.says("milestones", **names, name="Power is on", target_on="2026-06-01")
    await owner.says(f"milestones/{milestone_id}/commit")
    cause = {"cause_class": "dependency_late", "note": "The grid operator."}
    await owner.says(
        f"milestones/{milestone_id}/reforecast",
        forecast_on="2026-07-01",
        reason="No cable yet.",
        caused_by=[cause],
    )
    return project_id, milestone_id


async def achieved(owner: Person, milestone_id: str) -> None:
    await owner.says(
        f"milestones/{milestone_id}/reforecast", forecast_on="2026-06-20", reason="The cable came."
    )
    await owner.says(f"milestones/{milestone_id}/achieve", achieved_on="2026-06-21", note="Humming.")
    await owner.says(
        f"milestones/{milestone_id}/correct-achievement",
        achieved_on="2026-06-22",
        reason="It was a day later.",
    )


async def test_everything_that_was_said_about_a_milestone_is_remembered(owner: Person) -> None:
    _, milestone_id = await planned(owner)
    await achieved(owner, milestone_id)
    history = await owner.asks(f"milestones/{milestone_id}/history")

    assert [(each["on"], each["reason"]) for each in history["forecasts"]] == [
        ("2026-06-01", None),
        ("2026-07-01", "No cable yet."),
        ("2026-06-20", "The cable came."),
    ]
    assert history["forecasts"][1]["caused_by"] == [
        {"cause_class": "dependency_late", "stream": None, "note": "The grid operator."}
    ]
    assert [each["on"] for each in history["baselines"]] == ["2026-06-01"]
    assert [each["on"] for each in history["actuals"]] == ["2026-06-21", "2026-06-22"]
    standing = history["milestone"]
    assert (standing["state"], standing["slip_days_calendar"], standing["reforecast_count"]) == (
        "achieved",
        21,
        2,
    )
    assert {UUID(change["actor"]) for change in history["changes"]} == {owner.actor}


async def test_both_services_say_the_same_of_a_milestone(owner: Person) -> None:
    _, milestone_id = await planned(owner)
    await achieved(owner, milestone_id)
    answer = await owner.projects.get(f"/v1/milestones/{milestone_id}")
    decided, remembered = answer.json(), await owner.asks(f"milestones/{milestone_id}")
    for name in ("version", "name", "state", "baseline_on", "forecast_on", "achieved_on", "reforecast_count"):
        assert decided[name] == remembered[name], name
    assert answer.headers["ETag"] == f'"{remembered["version"]}"'


async def test_the_trend_is_told_and_drawn(owner: Person) -> None:
    _, milestone_id = await planned(owner)
    await achieved(owner, milestone_id)
    trend = await owner.asks(f"milestones/{milestone_id}/trend")
    # Everything was reported today: the last word of a day is its point.
    assert [point["forecast_on"] for point in trend["points"]][-1] == "2026-06-22"
    assert trend["reference_lines"][0]["baseline_on"] == "2026-06-01"

    chart = await owner.reads(f"milestones/{milestone_id}/trend.svg")
    assert chart.headers["Content-Type"].startswith("image/svg+xml")
    assert fromstring(chart.content).tag == "{http://www.w3.org/2000/svg}svg"
    assert "Power is on" in chart.text


async def test_the_activity_of_the_project_reads_as_sentences(owner: Person) -> None:
    project_id, _ = await planned(owner)
    activity = await owner.asks(f"projects/{project_id}/activity")
    sentences = [item["sentence"] for item in activity["items"]]
    assert len(sentences) == 6
    assert "Power is on" in sentences[0]
    assert "2026-07-01" in sentences[0]
    assert "Moving house" in sentences[-1]


async def test_a_question_from_the_last_command_on_waits_for_it(owner: Person) -> None:
    _, milestone_id = await planned(owner)
    for day in range(1, 21):
        said = await owner.says(
            f"milestones/{milestone_id}/reforecast", forecast_on=f"2026-08-{day:02}", reason="Again."
        )
        seen = await owner.asks(f"milestones/{milestone_id}")
        assert (seen["version"], seen["forecast_on"]) == (said["version"], said["forecast_on"])


async def test_a_question_about_a_position_that_is_not_there_yet_is_told_so(owner: Person) -> None:
    await planned(owner)
    ahead = {"min_position": owner.position + 1_000_000}
    answer = await owner.timeline.get("/v1/timeline/projects", params=ahead)
    assert (answer.status_code, answer.json()["code"]) == (503, "projection_behind")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("rebuilt", [False, True], ids=["after later events", "after a rebuild"])
async def test_the_same_question_as_of_then_gets_the_same_bytes(
    owner: Person, end_to_end: Stack, rebuilt: bool
) -> None:
    project_id, milestone_id = await planned(owner)
    paths = [
        "projects",
        "milestones",
        f"projects/{project_id}",
        f"projects/{project_id}/summary",
        f"projects/{project_id}/activity",
        f"milestones/{milestone_id}",
        f"milestones/{milestone_id}/history",
        f"milestones/{milestone_id}/trend",
        f"milestones/{milestone_id}/trend.svg",
    ]
    then = owner.position
    before = [(await owner.reads(path, as_of=then)).content for path in paths]

    await achieved(owner, milestone_id)
    if rebuilt:
        assert await asyncio.to_thread(end_to_end.call, "timeline", "rebuild", "all") == 0
    after = [(await owner.reads(path, as_of=then)).content for path in paths]
    assert after == before
    assert b"2026-06-22" in (await owner.reads(f"milestones/{milestone_id}")).content

"""An issue from its raising on, through a workflow of its team's own, with everything that may happen on the way."""

from typing import Any
from uuid import uuid4

import pytest_asyncio
from defusedxml.ElementTree import fromstring

from tests.end_to_end.people import Person

STATES = [
    {"name": "Reported", "category": "todo"},
    {"name": "Being repaired", "category": "active"},
    {"name": "Waiting for parts", "category": "waiting"},
    {"name": "Repaired", "category": "done"},
    {"name": "Scrapped", "category": "cancelled"},
]
RAISED, STARTED, BLOCKED = "2026-01-05T08:00:00Z", "2026-01-05T10:00:00Z", "2026-01-05T12:00:00Z"
FREED, DONE, AGAIN, MOVED = (f"2026-01-{day}T12:00:00Z" for day in ("06", "07", "09", "10"))


@pytest_asyncio.fixture
async def issue(owner: Person) -> dict[str, str]:
    """An issue that was assigned, worked on, blocked, freed, finished, reopened and moved to another project."""
    ids = {name: str(uuid4()) for name in ("workshop", "elsewhere", "issue", "milestone", "assignee")}
    for name in ("workshop", "elsewhere"):
        await owner.says("projects", project_id=ids[name], name=name.capitalize())
        await owner.says(f"projects/{ids[name]}/adopt-workflow", states=STATES)
    project: dict[str, Any] = {"project_id": ids["workshop"]}
    await owner.says("milestones", **project, milestone_id=ids["milestone"], name="It runs")
    await owner.says("issues", **project, issue_id=ids["issue"], title="It rattles", effective_at=RAISED)

    async def happens(verb: str, effective_at: str, **wish: Any) -> None:
        await owner.says(f"issues/{ids['issue']}/{verb}", effective_at=effective_at, **wish)

    await happens("triage", STARTED, priority="high", kind="bug", note="Heard it too.")
    await happens("assign", STARTED, assignee_id=ids["assignee"], team="Mechanics")
    await happens("transition", STARTED, state="Being repaired")
    await happens("estimate", STARTED, estimate="4.5", unit="hours")
    await happens("link", STARTED, relation="delivers", target=f"milestone-{ids['milestone']}")
    await happens("block", BLOCKED, reason="No screws.")
    await happens("unblock", FREED, reason="Screws came.")
    await happens("comment", FREED, text="The long ones.")
    await happens("transition", DONE, state="Repaired")
    await happens("reopen", AGAIN, reason="It rattles again.")
    await happens("move", MOVED, project_id=ids["elsewhere"], reason="Not our machine.")
    return ids


async def test_its_whole_life_is_told(owner: Person, issue: dict[str, str]) -> None:
    history = await owner.asks(f"issues/{issue['issue']}/history", effective_at=MOVED)
    assert [(each["state"], each["is_reopening"]) for each in history["transitions"]] == [
        ("Reported", False),
        ("Being repaired", False),
        ("Repaired", False),
        ("Reported", True),
        ("Reported", False),
    ]
    [assignment] = history["assignments"]
    assert (assignment["assignee_id"], assignment["team"]) == (issue["assignee"], "Mechanics")
    [block] = history["blocks"]
    assert (block["reason"], block["duration"]) == ("No screws.", "P1D")
    assert {each["state"]: each["duration"] for each in history["time_in_states"]} == {
        "Reported": "P1DT2H",
        "Being repaired": "P2DT2H",
        "Repaired": "P2D",
    }
    assert (history["reopen_count"], history["time_blocked"]) == (1, "P1D")


async def test_its_state_at_any_instant_is_known(owner: Person, issue: dict[str, str]) -> None:
    found = {}
    for instant in (RAISED, STARTED, BLOCKED, FREED, DONE, AGAIN, MOVED):
        then = await owner.asks(f"issues/{issue['issue']}", effective_at=instant)
        found[instant] = (then["state"], then["is_blocked"], then["project_id"] == issue["workshop"])
    assert found == {
        RAISED: ("Reported", False, True),
        STARTED: ("Being repaired", False, True),
        BLOCKED: ("Being repaired", True, True),
        FREED: ("Being repaired", False, True),
        DONE: ("Repaired", False, True),
        AGAIN: ("Reported", False, True),
        MOVED: ("Reported", False, False),
    }


async def test_its_life_is_drawn(owner: Person, issue: dict[str, str]) -> None:
    chart = await owner.reads(f"issues/{issue['issue']}/history.svg")
    assert fromstring(chart.content).tag == "{http://www.w3.org/2000/svg}svg"
    assert "It rattles" in chart.text


async def test_both_projects_tell_of_the_move(owner: Person, issue: dict[str, str]) -> None:
    for project, event_type in (("workshop", "issue.moved_out"), ("elsewhere", "issue.moved_in")):
        activity = await owner.asks(f"projects/{issue[project]}/activity", type=event_type)
        [told] = activity["items"]
        assert "It rattles" in told["sentence"]


async def test_lists_filter_by_the_state_of_then(owner: Person, issue: dict[str, str]) -> None:
    done = await owner.asks("issues", category="done", effective_at=DONE)
    assert [each["issue_id"] for each in done["items"]] == [issue["issue"]]
    assert (await owner.asks("issues", category="done"))["items"] == []

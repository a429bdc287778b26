"""The history of an issue: transitions, assignments, blocks and time in each state, as of then."""

from datetime import datetime
from typing import Any

from libs.events.envelope import EventData
from libs.events.portfolio import ProjectProposed, StateCategory
from libs.events.raid import (
    IssueAssigned,
    IssueBlocked,
    IssueMovedIn,
    IssueMovedOut,
    IssueRaised,
    IssueTransitioned,
    IssueUnblocked,
)
from tests.component.timeline.conftest import Timeline
from tests.support.history import an_id

VOLVO, ELSEWHERE = an_id("Volvo IT"), an_id("elsewhere")
PROBLEM = an_id("1-109135791")
CATEGORIES = {
    "Queued": StateCategory.TODO,
    "In progress": StateCategory.ACTIVE,
    "Wait": StateCategory.WAITING,
    "Completed": StateCategory.DONE,
}


def at(hour: str) -> datetime:
    return datetime.fromisoformat(f"2012-03-15T{hour}:00+02:00")


def moved(before: str, after: str) -> IssueTransitioned:
    return IssueTransitioned(
        state_before=before, category_before=CATEGORIES[before], state=after, category=CATEGORIES[after]
    )


LIFE: list[tuple[str, EventData]] = [
    (
        "10:00",
        IssueRaised(
            project_id=VOLVO,
            title="1-109135791",
            description="It does not start.",
            state="Queued",
            category=StateCategory.TODO,
        ),
    ),
    ("11:00", IssueAssigned(team="Org line A2")),
    ("12:00", moved("Queued", "In progress")),
    ("12:30", moved("In progress", "In progress")),
    ("13:00", IssueBlocked(reason="no access", blocked_by=f"issue-{ELSEWHERE}")),
    ("14:00", IssueUnblocked()),
    ("15:00", moved("In progress", "Completed")),
    ("17:00", moved("Completed", "In progress")),
    ("18:00", moved("In progress", "Completed")),
]


def the_problem_at_volvo(timeline: Timeline) -> None:
    record = timeline.history.record
    record("project", VOLVO, ProjectProposed(project_id=VOLVO, name="Volvo IT"), effective_at=at("09:00"))
    for hour, data in LIFE:
        record("issue", PROBLEM, data, effective_at=at(hour))


def pick(items: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(item[name] for name in names) for item in items]


async def test_a_history_tells_everything_that_happened(timeline: Timeline) -> None:
    the_problem_at_volvo(timeline)
    await timeline.tell()
    history = await timeline.ask(f"/issues/{PROBLEM}/history")
    assert pick(history["transitions"], "state_before", "state", "is_reopening", "known_from") == [
        (None, "Queued", False, 2),
        ("Queued", "In progress", False, 4),
        ("In progress", "In progress", False, 5),
        ("In progress", "Completed", False, 8),
        ("Completed", "In progress", True, 9),
        ("In progress", "Completed", False, 10),
    ]
    assert pick(history["assignments"], "team", "effective_at") == [
        ("Org line A2", "2012-03-15T09:00:00.000000Z")
    ]
    assert pick(history["blocks"], "reason", "blocked_by", "duration") == [
        ("no access", f"issue-{ELSEWHERE}", "PT1H")
    ]
    assert pick(history["stays"], "state", "duration") == [
        ("Queued", "PT2H"),
        ("In progress", "PT3H"),
        ("Completed", "PT2H"),
        ("In progress", "PT1H"),
        ("Completed", None),
    ]
    assert pick(history["time_in_states"], "state", "duration") == [
        ("Queued", "PT2H"),
        ("In progress", "PT4H"),
        ("Completed", "PT2H"),
    ]
    assert pick(history["time_in_categories"], "category", "duration") == [
        ("todo", "PT2H"),
        ("active", "PT4H"),
        ("done", "PT2H"),
    ]
    assert (history["time_blocked"], history["reopen_count"]) == ("PT1H", 1)
    assert history["issue"]["status_event_count"] == 6
    assert [change["type"] for change in history["changes"]] == [
        event.envelope.type for event in timeline.history.events[1:]
    ]


async def test_the_state_of_an_issue_at_any_instant(timeline: Timeline) -> None:
    the_problem_at_volvo(timeline)
    await timeline.tell()
    states = []
    for hour in ("11:59", "12:00", "16:00", "17:30", "20:00"):
        issue = await timeline.ask(f"/issues/{PROBLEM}", effective_at=f"2012-03-15T{hour}:00+02:00")
        states.append((issue["state"], issue["status_event_count"]))
    assert states == [
        ("Queued", 1),
        ("In progress", 2),
        ("Completed", 4),
        ("In progress", 5),
        ("Completed", 6),
    ]
    assert (await timeline.ask(f"/issues/{PROBLEM}"))["description"] == "It does not start."
    assert await timeline.refused(f"/issues/{PROBLEM}", effective_at="2012-03-15T09:00:00+02:00") == (
        404,
        "not_found",
    )


async def test_time_goes_on_up_to_the_instant_asked_for(timeline: Timeline) -> None:
    the_problem_at_volvo(timeline)
    await timeline.tell()
    history = await timeline.ask(f"/issues/{PROBLEM}/history", effective_at="2012-03-15T13:30:00+02:00")
    assert pick(history["time_in_states"], "state", "duration") == [
        ("Queued", "PT2H"),
        ("In progress", "PT1H30M"),
    ]
    assert pick(history["blocks"], "unblocked_at", "duration") == [(None, "PT30M")]


async def test_a_moved_issue_keeps_one_history_and_shows_in_both_projects(timeline: Timeline) -> None:
    the_problem_at_volvo(timeline)
    record = timeline.history.record
    record("project", ELSEWHERE, ProjectProposed(project_id=ELSEWHERE, name="Elsewhere"))
    record("issue", PROBLEM, IssueMovedOut(to_project_id=ELSEWHERE, reason="theirs"))
    record(
        "issue",
        PROBLEM,
        IssueMovedIn(
            project_id=ELSEWHERE,
            from_project_id=VOLVO,
            state_before="Completed",
            category_before=StateCategory.DONE,
            state="Completed",
            category=StateCategory.DONE,
        ),
    )
    await timeline.tell()
    history = await timeline.ask(f"/issues/{PROBLEM}/history")
    assert len(history["changes"]) == len(LIFE) + 2
    sentences = [
        (await timeline.ask(f"/projects/{project_id}/activity"))["items"][0]["sentence"]
        for project_id in (VOLVO, ELSEWHERE)
    ]
    assert sentences == [
        "Issue “1-109135791” was moved to another project: theirs",
        "Issue “1-109135791” came from another project, in Completed",
    ]
    for position, expected in ((10, [1, 0]), (timeline.history.head, [0, 1])):
        found = [
            len((await timeline.ask("/issues", project_id=str(project_id), as_of=position))["items"])
            for project_id in (VOLVO, ELSEWHERE)
        ]
        assert found == expected


async def test_access_to_a_moved_issue_follows_its_present_project(timeline: Timeline) -> None:
    await test_a_moved_issue_keeps_one_history_and_shows_in_both_projects(timeline)
    statuses = []
    for project_id in (VOLVO, ELSEWHERE):
        async with timeline.client("member", projects={project_id: "viewer"}) as client:
            answers = [
                await client.get(f"/issues/{PROBLEM}"),
                await client.get(f"/issues/{PROBLEM}", params={"as_of": 5}),
                await client.get("/issues", params={"as_of": 5}),
            ]
        statuses.append((answers[0].status_code, answers[1].status_code, len(answers[2].json()["items"])))
    assert statuses == [(404, 404, 0), (200, 200, 1)]


async def test_the_life_of_an_issue_is_drawn_the_same_each_time(timeline: Timeline) -> None:
    the_problem_at_volvo(timeline)
    await timeline.tell()
    async with timeline.client() as client:
        first = await client.get(f"/issues/{PROBLEM}/history.svg")
        again = await client.get(f"/issues/{PROBLEM}/history.svg")
    assert first.headers["content-type"].startswith("image/svg+xml")
    assert first.content == again.content
    for text in ("1-109135791", "Queued", "In progress", "Completed"):
        assert f">{text}<" in first.text
    assert "http" not in first.text.replace("http://www.w3.org", "")

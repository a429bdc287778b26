"""Lists as of then: filters, orders, and pages that neither skip nor repeat."""

from datetime import date
from typing import Any

import pytest

from libs.events.portfolio import ProjectProposed, StateCategory
from libs.events.raid import IssueAssigned, IssueKind, IssueRaised, IssueTransitioned
from libs.events.schedule import MilestoneCommitted, MilestonePlanned
from tests.component.timeline.conftest import Timeline
from tests.support.history import an_id
from tests.support.random_history import RandomHistory

APOLLO, GEMINI = an_id("Apollo"), an_id("Gemini")


def planned(timeline: Timeline, name: str, target_on: date | None, baseline_on: date | None = None) -> None:
    record = timeline.history.record
    record("milestone", an_id(name), MilestonePlanned(project_id=APOLLO, name=name, target_on=target_on))
    if baseline_on:
        record("milestone", an_id(name), MilestoneCommitted(baseline_on=baseline_on))


def raised(timeline: Timeline, title: str, **facts: Any) -> None:
    timeline.history.record(
        "issue",
        an_id(title),
        IssueRaised(**{"project_id": APOLLO, "title": title, "state": "Open", "category": "todo", **facts}),
    )


async def names(timeline: Timeline, path: str = "/milestones", **parameters: Any) -> list[str]:
    answer = await timeline.ask(path, **parameters)
    return [item.get("name") or item["title"] for item in answer["items"]]


async def test_milestones_come_by_the_day_they_are_expected_and_those_without_last(
    timeline: Timeline,
) -> None:
    planned(timeline, "someday", None)
    planned(timeline, "second", date(2026, 3, 1))
    planned(timeline, "first", date(2026, 2, 1))
    await timeline.tell()
    assert await names(timeline) == ["first", "second", "someday"]
    assert await names(timeline, sort="-name") == ["someday", "second", "first"]


async def test_a_list_of_then_filters_and_sorts_by_the_state_of_then(timeline: Timeline) -> None:
    planned(timeline, "a", date(2026, 2, 1))
    planned(timeline, "b", date(2026, 3, 1), date(2026, 3, 1))
    timeline.history.record("milestone", an_id("a"), MilestoneCommitted(baseline_on=date(2026, 2, 1)))
    await timeline.tell()
    assert await names(timeline, state="committed") == ["a", "b"]
    assert await names(timeline, state="committed", as_of=3) == ["b"]
    assert await names(timeline, state=["planned", "committed"], as_of=3) == ["a", "b"]


async def test_dates_are_from_inclusive_and_before_exclusive(timeline: Timeline) -> None:
    for month in (1, 2, 3):
        planned(timeline, f"m{month}", date(2026, month, 1))
    await timeline.tell()
    wanted = {"forecast_on_from": "2026-01-01", "forecast_on_before": "2026-03-01"}
    assert await names(timeline, **wanted) == ["m1", "m2"]


async def test_issues_are_found_by_what_they_are_and_who_has_them(timeline: Timeline) -> None:
    raised(timeline, "Leak", kind=IssueKind.BUG)
    raised(timeline, "Leak again", project_id=GEMINI, kind=IssueKind.BUG)
    raised(timeline, "Paint")
    timeline.history.record(
        "issue", an_id("Paint"), IssueAssigned(team="Line A2", assignee_id=an_id("Grace"))
    )
    timeline.history.record(
        "issue",
        an_id("Leak"),
        IssueTransitioned(
            state_before="Open",
            category_before=StateCategory.TODO,
            state="Shut",
            category=StateCategory.DONE,
        ),
    )
    await timeline.tell()
    for filters, expected in (
        ({"kind": "bug"}, ["Leak", "Leak again"]),
        ({"kind": "bug", "project_id": str(GEMINI)}, ["Leak again"]),
        ({"team": "Line A2"}, ["Paint"]),
        ({"assignee_id": str(an_id("Grace"))}, ["Paint"]),
        ({"category": "done"}, ["Leak"]),
        ({"state": ["Shut", "Closed"]}, ["Leak"]),
        ({"q": "LEAK"}, ["Leak", "Leak again"]),
        ({"is_blocked": "true"}, []),
        ({"is_blocked": "false", "sort": "-title"}, ["Paint", "Leak again", "Leak"]),
    ):
        assert await names(timeline, "/issues", **filters) == expected, filters


@pytest.mark.parametrize(
    ("path", "sort"),
    [
        ("/milestones", "-slip_days_calendar,name"),
        ("/milestones", "forecast_on"),
        ("/issues", "-raised_at"),
        ("/issues", "priority,-known_from"),
        ("/projects", "-name"),
        (f"/projects/{RandomHistory(1, 1).project_ids[0]}/activity", None),
    ],
)
async def test_pages_are_the_whole_list_in_order_while_more_happens(
    timeline: Timeline, path: str, sort: str | None
) -> None:
    timeline.history.events[:] = RandomHistory(1, 200).events
    await timeline.tell_up_to(150)
    order = {"sort": sort} if sort else {}
    whole = (await timeline.ask(path, limit=200, **order))["items"]
    assert len(whole) > 2
    cursor: dict[str, str] = {}
    walked: list[Any] = []
    while True:
        page = await timeline.ask(path, limit=2, **order, **cursor)
        assert page["as_of"]["position"] == 150
        walked += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        if timeline.told < timeline.history.head:
            await timeline.tell_up_to(timeline.told + 10)
    assert walked == whole


async def test_a_page_links_to_the_next_one(timeline: Timeline) -> None:
    for month in (1, 2, 3):
        planned(timeline, f"m{month}", date(2026, month, 1))
    await timeline.tell()
    async with timeline.client() as client:
        first = await client.get("/milestones", params={"limit": 2, "state": "planned"})
        following = await client.get(f"http://timeline{first.links['next']['url']}")
    assert [item["name"] for item in following.json()["items"]] == ["m3"]
    assert "next" not in following.links
    assert following.links["first"]["url"] == "/v1/timeline/milestones?limit=2&state=planned"


async def test_what_a_list_does_not_know_is_refused(timeline: Timeline) -> None:
    for month in (1, 2, 3):
        planned(timeline, f"m{month}", date(2026, month, 1))
    await timeline.tell()
    cursor = (await timeline.ask("/milestones", limit=1))["next_cursor"]
    for parameters, code in (
        ({"statte": "planned"}, "unknown_parameter"),
        ({"state": "late"}, "invalid_request"),
        ({"sort": "color"}, "invalid_request"),
        ({"limit": 201}, "invalid_request"),
        ({"as_of": "yesterday"}, "invalid_request"),
        ({"effective_at": "2020-13-01"}, "invalid_request"),
        ({"project_id": "Apollo"}, "invalid_request"),
        ({"cursor": cursor, "limit": 1, "state": "planned"}, "cursor_mismatch"),
        ({"cursor": cursor[:-4], "limit": 1}, "invalid_cursor"),
    ):
        assert await timeline.refused("/milestones", **parameters) == (422, code), parameters


async def test_derived_filters_agree_with_what_each_milestone_says(timeline: Timeline) -> None:
    timeline.history.events[:] = RandomHistory(11, 250).events
    await timeline.tell()
    for moment in ({}, {"as_of": 120}, {"effective_at": "2025-10-01"}):
        everything = (await timeline.ask("/milestones", limit=200, **moment))["items"]
        for flag in ("is_overdue", "is_missed", "is_at_risk"):
            for wanted in (True, False):
                found = await names(timeline, **{flag: str(wanted).lower()}, **moment)
                assert sorted(found) == sorted(item["name"] for item in everything if item[flag] is wanted)


async def test_projects_are_listed_by_name_in_any_case(timeline: Timeline) -> None:
    for name in ("beta", "Alpha", "Gamma"):
        timeline.history.record("project", an_id(name), ProjectProposed(project_id=an_id(name), name=name))
    await timeline.tell()
    assert await names(timeline, "/projects") == ["Alpha", "beta", "Gamma"]
    assert await names(timeline, "/projects", q="AL") == ["Alpha"]
    assert await names(timeline, "/projects", state="closed") == []

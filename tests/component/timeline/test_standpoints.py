"""From where a question is asked: positions, instants, dates, and what is not there yet."""

import asyncio

from libs.events.envelope import instant_text
from libs.events.portfolio import ProjectProposed
from tests.component.timeline.conftest import Timeline
from tests.support.history import an_id


def projects_are_proposed(timeline: Timeline, *names: str) -> None:
    for name in names:
        timeline.history.record("project", an_id(name), ProjectProposed(project_id=an_id(name), name=name))


async def seen(timeline: Timeline, **parameters: object) -> tuple[int, int]:
    """The position of an answer, and how many projects there were."""
    answer = await timeline.ask("/projects", **parameters)
    return answer["as_of"]["position"], len(answer["items"])


async def test_at_position_zero_the_world_is_empty(timeline: Timeline) -> None:
    assert await seen(timeline) == (0, 0)
    projects_are_proposed(timeline, "Apollo")
    await timeline.tell()
    answer = await timeline.ask("/projects", as_of=0)
    assert answer == {
        "as_of": {"position": 0, "recorded_at": None, "effective_at": None},
        "items": [],
        "next_cursor": None,
    }


async def test_an_instant_stands_for_the_last_position_recorded_until_then(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a", "b", "c")
    await timeline.tell()
    second = timeline.history.events[1].envelope.recorded_at
    assert await seen(timeline, as_of=instant_text(second)) == (2, 2)
    assert await seen(timeline, as_of=second.replace(microsecond=1).isoformat()) == (2, 2)
    assert await seen(
        timeline, as_of=second.replace(second=0, minute=second.minute - 1, microsecond=999_999).isoformat()
    ) == (1, 1)
    assert await seen(timeline, as_of="2020-01-01") == (0, 0)


async def test_a_date_means_its_end_in_utc(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a")
    await timeline.tell()
    day = timeline.history.events[0].envelope.recorded_at.date()
    assert await seen(timeline, as_of=day.isoformat()) == (1, 1)
    assert await seen(timeline, as_of=day.replace(day=day.day - 1).isoformat()) == (0, 0)


async def test_the_answer_echoes_its_standpoint(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a")
    await timeline.tell()
    recorded_at = instant_text(timeline.history.events[0].envelope.recorded_at)
    implied = await timeline.ask("/projects", as_of=1)
    assert implied["as_of"] == {"position": 1, "recorded_at": recorded_at, "effective_at": recorded_at}
    asked = await timeline.ask("/projects", as_of=1, effective_at="2025-12-31")
    assert asked["as_of"]["effective_at"] == "2025-12-31T23:59:59.999999Z"
    assert asked["items"] == []


async def test_a_position_the_log_does_not_have_is_refused(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a")
    await timeline.tell()
    assert await timeline.refused("/projects", as_of=2) == (422, "as_of_beyond_head")


async def test_a_position_that_is_not_projected_yet_is_to_be_asked_for_again(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a", "b")
    await timeline.tell_up_to(1)
    assert await timeline.refused("/projects", as_of=2) == (503, "projection_behind")
    later = timeline.history.events[1].envelope.recorded_at
    assert await timeline.refused("/projects", as_of=instant_text(later)) == (503, "projection_behind")
    await timeline.tell()
    assert await seen(timeline, as_of=2) == (2, 2)
    assert await seen(timeline, as_of=instant_text(later)) == (2, 2)


async def test_a_log_out_of_reach_may_have_what_is_asked_for(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a")
    await timeline.tell()
    timeline.log.is_reachable = False
    assert await timeline.refused("/projects", as_of=2) == (503, "projection_behind")
    assert await seen(timeline, as_of=1) == (1, 1)


async def test_a_reader_waits_for_what_it_has_written(timeline: Timeline) -> None:
    projects_are_proposed(timeline, "a")
    async with timeline.client() as client:
        headers = {"Prefer": "wait=5"}
        asked = asyncio.ensure_future(client.get("/projects", params={"min_position": 1}, headers=headers))
        await asyncio.wait([asked], timeout=0.05)
        assert not asked.done()
        await timeline.tell()
        response = await asked
        late = await client.get("/projects", params={"min_position": 2})
    assert (response.status_code, response.headers["milepost-position"]) == (200, "1")
    assert (late.status_code, late.json()["code"], late.headers["retry-after"]) == (
        503,
        "projection_behind",
        "1",
    )

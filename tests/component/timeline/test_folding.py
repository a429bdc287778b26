"""Folding random histories: batches do not matter, and the past stays what it was."""

import random
from datetime import datetime
from typing import Any

import pytest

from libs.events.writing import write_together
from services.timeline import projections
from services.timeline.as_of import AsOf
from services.timeline.milestone_history import Milestone, standing
from tests.component.timeline.conftest import Timeline
from tests.support.random_history import RandomHistory

TABLES = (
    "moments",
    "projects",
    "project_changes",
    "milestones",
    "milestone_changes",
    "issues",
    "issue_changes",
    "activity",
    "stream_names",
)
LENGTH = 250
LISTS = ("/projects", "/milestones?limit=200", "/issues?limit=200")


def happens(timeline: Timeline, seed: int) -> None:
    timeline.history.events[:] = RandomHistory(seed, LENGTH).events


async def everything(timeline: Timeline) -> list[list[tuple[Any, ...]]]:
    return [await timeline.rows(table) for table in TABLES]


async def start_again(timeline: Timeline) -> None:
    async with timeline.database.connection() as connection:
        await connection.execute("; ".join(f"delete from {table}" for table in (*TABLES, "checkpoints")))
    timeline.told = 0
    timeline.projections = projections.all_projections()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_batches_of_any_size_leave_the_rows_of_one_event_at_a_time(
    timeline: Timeline, seed: int
) -> None:
    happens(timeline, seed)
    await timeline.tell(*[1] * LENGTH)
    one_by_one = await everything(timeline)
    chance = random.Random(seed)
    await start_again(timeline)
    await timeline.tell(*(chance.randint(1, 60) for _ in range(30)))
    assert await everything(timeline) == one_by_one


async def test_forgetting_between_batches_changes_nothing(timeline: Timeline) -> None:
    happens(timeline, 4)
    await timeline.tell(50, 50)
    remembered = await everything(timeline)
    await start_again(timeline)
    while timeline.told < timeline.history.head:
        for projection in timeline.projections:
            projection.forget()
        await timeline.tell_up_to(timeline.told + 13)
    assert await everything(timeline) == remembered


async def test_a_transaction_that_failed_leaves_nothing_behind(timeline: Timeline) -> None:
    happens(timeline, 5)
    await timeline.tell_up_to(100)
    with pytest.raises(RuntimeError):
        await die_after_applying(timeline, 150)
    for projection in timeline.projections:
        projection.forget()
    await timeline.tell()
    survived = await everything(timeline)
    await start_again(timeline)
    await timeline.tell()
    assert await everything(timeline) == survived


async def test_a_history_that_fell_behind_notices_by_the_version_of_the_next_event(
    timeline: Timeline,
) -> None:
    happens(timeline, 10)
    await timeline.tell_up_to(100)
    behind, timeline.projections = timeline.projections, projections.all_projections()
    await timeline.tell_up_to(180)
    timeline.projections = behind
    await timeline.tell()
    tables = ("milestones", "milestone_changes", "issues", "issue_changes")
    together = [await timeline.rows(table) for table in tables]
    await start_again(timeline)
    await timeline.tell()
    assert [await timeline.rows(table) for table in tables] == together


async def test_after_forgetting_the_database_has_the_last_word(timeline: Timeline) -> None:
    happens(timeline, 10)
    await timeline.tell_up_to(200)
    async with timeline.database.connection() as connection:
        await connection.execute("update milestones set name = 'mended'")
    for projection in timeline.projections:
        projection.forget()
    await timeline.tell()
    names = {item["name"] for item in (await timeline.ask("/milestones"))["items"]}
    assert "mended" in names


async def die_after_applying(timeline: Timeline, position: int) -> None:
    async with timeline.database.transaction() as connection:
        for projection in timeline.projections:
            batch = timeline.history.events[timeline.told : position]
            await write_together(connection, await projection.apply(connection, batch) or ())
        raise RuntimeError("the process dies here")


@pytest.mark.parametrize("seed", [6, 7])
async def test_as_of_a_position_answers_what_was_answered_at_that_position(
    timeline: Timeline, seed: int
) -> None:
    happens(timeline, seed)
    positions = sorted(random.Random(seed).sample(range(1, LENGTH), 6))
    paths = [
        f"/projects/{each}/{kind}"
        for each in RandomHistory(seed, 1).project_ids
        for kind in ("activity?limit=200", "summary")
    ]
    questions = [*LISTS, *paths]
    answered: dict[tuple[int, str], bytes] = {}
    async with timeline.client() as client:
        for position in positions:
            await timeline.tell_up_to(position)
            for path in questions:
                answered[position, path] = (await client.get(path)).content
        await timeline.tell()
        for (position, path), then in answered.items():
            again = await client.get(f"{path}{'&' if '?' in path else '?'}as_of={position}")
            assert again.content == then


@pytest.mark.parametrize("seed", [8, 9])
async def test_the_list_of_milestones_obeys_the_rule_of_the_single_one(timeline: Timeline, seed: int) -> None:
    happens(timeline, seed)
    await timeline.tell()
    chance = random.Random(seed)
    instants = sorted(event.envelope.effective_at for event in timeline.history.events)
    for _ in range(20):
        position = chance.randint(1, timeline.history.head)
        effective_at = chance.choice(instants)
        listed = await timeline.ask(
            "/milestones", as_of=position, effective_at=effective_at.isoformat(), limit=200
        )
        expected = await milestones_by_the_rule(timeline, position, effective_at)
        assert {
            (
                each["milestone_id"],
                each["state"],
                each["baseline_on"],
                each["forecast_on"],
                each["achieved_on"],
            )
            for each in listed["items"]
        } == expected
        for item in listed["items"]:
            single = await timeline.ask(
                f"/milestones/{item['milestone_id']}", as_of=position, effective_at=effective_at.isoformat()
            )
            assert {name: single[name] for name in item} == item


async def milestones_by_the_rule(
    timeline: Timeline, position: int, effective_at: datetime
) -> set[tuple[Any, ...]]:
    async with timeline.database.connection() as connection:
        rows = await connection.fetch(
            "select * from milestone_changes where known_from <= $1 order by known_from", position
        )
    lives: dict[Any, list[Milestone]] = {}
    for row in rows:
        milestone = Milestone(*(row[name] for name in Milestone._fields))
        lives.setdefault(milestone.milestone_id, []).append(milestone)
    as_of = AsOf(position, None, effective_at)
    stood = []
    for life in lives.values():
        in_effect = [row for row in life if row.effective_at <= effective_at]
        stood.append(standing(life[-1], in_effect[-1] if in_effect else None, as_of))
    return {
        (
            str(each.milestone_id),
            each.state,
            *(
                day.isoformat() if day else None
                for day in (each.baseline_on, each.forecast_on, each.achieved_on)
            ),
        )
        for each in stood
        if each is not None
    }

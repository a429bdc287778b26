"""A rebuild beside the live projection: the same rows, the same answers, switched whole or not at all."""

import asyncpg
import pytest

from libs.events.portfolio import ProjectProposed, ProjectPutOnHold, ProjectState
from services.timeline import rebuilding
from services.timeline.entity_history import EntityHistory
from services.timeline.projections import PROJECTIONS
from services.timeline.rebuilding import RebuildFailed, Result, rebuild, rollback
from tests.component.timeline.conftest import Timeline
from tests.support.access_history import AccessHistory
from tests.support.history import History, an_id
from tests.support.random_history import RandomHistory

TABLES = {
    "moments": ("moments",),
    "project_history": ("projects", "project_changes"),
    "milestone_history": ("milestones", "milestone_changes"),
    "issue_history": ("issues", "issue_changes"),
    "activity": ("activity", "stream_names"),
    "member_history": ("members", "member_changes"),
    "api_key_history": ("api_keys", "api_key_changes"),
}
OF_ACCESS = ("member_history", "api_key_history")


def happens(timeline: Timeline, seed: int = 1, length: int = 300) -> None:
    timeline.history.events[:] = RandomHistory(seed, length).events


@pytest.mark.parametrize("title", list(PROJECTIONS))
async def test_a_rebuilt_projection_has_the_rows_of_the_live_one(timeline: Timeline, title: str) -> None:
    history = AccessHistory if title in OF_ACCESS else RandomHistory
    timeline.history.events[:] = history(1, 300).events
    await timeline.tell(100, 100)
    live = [await timeline.rows(table) for table in TABLES[title]]
    assert await timeline.rebuild(title, page_events=70) == Result([f"{title}_v1"], timeline.history.head)
    assert [await timeline.rows(table) for table in TABLES[title]] == live


async def test_all_projections_are_rebuilt_in_one_pass_of_the_log(timeline: Timeline) -> None:
    happens(timeline)
    await timeline.tell()
    live = [await timeline.rows(table) for tables in TABLES.values() for table in tables]
    asked_before = timeline.log.pages_asked
    result = await timeline.rebuild(*PROJECTIONS, page_events=100)
    assert result == Result([f"{title}_v1" for title in PROJECTIONS], timeline.history.head)
    assert timeline.log.pages_asked - asked_before == timeline.history.head // 100
    assert [await timeline.rows(table) for tables in TABLES.values() for table in tables] == live


@pytest.mark.parametrize("title", ["issue_history", "milestone_history", "project_history"])
async def test_what_a_rebuild_can_not_remember_it_puts_away_and_finds_again(
    timeline: Timeline, title: str
) -> None:
    happens(timeline)
    await timeline.tell()
    live = [await timeline.rows(table) for table in TABLES[title]]
    forgetful = PROJECTIONS[title]()
    assert isinstance(forgetful, EntityHistory)
    forgetful.cached_rows_max = 2
    await rebuild([forgetful], timeline.fresh.admin_dsn, timeline.service_dsn, timeline.log, page_events=7)
    assert [await timeline.rows(table) for table in TABLES[title]] == live


async def test_an_instant_that_lies_on_two_pages_has_one_moment(timeline: Timeline) -> None:
    project_id = an_id("Apollo")
    together = History(step_seconds=0)
    together.record("project", project_id, ProjectProposed(project_id=project_id, name="Apollo"))
    for number in range(4):
        together.record(
            "project", project_id, ProjectPutOnHold(reason=f"{number}", state_before=ProjectState.PROPOSED)
        )
    timeline.history.events[:] = together.events
    await timeline.tell()
    live = await timeline.rows("moments")
    await timeline.rebuild("moments", page_events=2)
    assert await timeline.rows("moments") == live
    assert len(live) == 1


async def test_after_the_switch_the_live_projection_goes_on_in_the_new_place(timeline: Timeline) -> None:
    happens(timeline)
    await timeline.tell_up_to(200)
    await timeline.rebuild(*PROJECTIONS)
    before = await timeline.ask("/issues", as_of=200, limit=200)
    await timeline.tell()
    assert await timeline.ask("/issues", as_of=200, limit=200) == before
    expected = [await timeline.rows(table) for tables in TABLES.values() for table in tables]
    await timeline.rebuild(*PROJECTIONS)
    assert [await timeline.rows(table) for tables in TABLES.values() for table in tables] == expected


async def test_a_rebuild_mends_what_was_damaged(timeline: Timeline) -> None:
    happens(timeline)
    await timeline.tell()
    truth = await timeline.rows("milestone_changes")
    async with timeline.database.connection() as connection:
        await connection.execute("update milestone_changes set forecast_on = '1999-01-01'")
    await timeline.rebuild("milestone_history")
    assert await timeline.rows("milestone_changes") == truth


async def test_a_rebuild_does_not_go_beyond_the_live_projections(timeline: Timeline) -> None:
    happens(timeline)
    await timeline.tell_up_to(120)
    assert await timeline.rebuild("activity") == Result(["activity_v1"], 120)


async def test_an_event_that_cannot_be_applied_fails_the_rebuild_and_leaves_the_live_projection(
    timeline: Timeline,
) -> None:
    project_id = an_id("Apollo")
    timeline.history.record("project", project_id, ProjectProposed(project_id=project_id, name="Apollo"))
    timeline.history.record(
        "project", project_id, ProjectPutOnHold(reason="winter", state_before=ProjectState.PROPOSED)
    )
    await timeline.tell()
    live = [await timeline.rows(table) for table in ("project_changes", "activity", "moments")]
    poison = timeline.history.events[1]
    envelope = poison.envelope.__class__(
        **{name: getattr(poison.envelope, name) for name in poison.envelope.__slots__} | {"data": {}}
    )
    timeline.history.events[1] = poison._replace(envelope=envelope)
    with pytest.raises(RebuildFailed, match="at position 2"):
        await timeline.rebuild("moments", "activity", "project_history")
    assert [await timeline.rows(table) for table in ("project_changes", "activity", "moments")] == live


async def test_what_is_parked_is_left_out(timeline: Timeline) -> None:
    happens(timeline, length=60)
    last = timeline.history.events[59].envelope
    await timeline.tell_up_to(59)
    async with timeline.database.transaction() as connection:
        await connection.execute(
            "insert into parked_events (position, org_id, project_id, stream, event_id, body)"
            " values ($1, $2, $3, $4, $5, '')",
            last.position,
            last.org_id,
            last.project_id,
            last.stream,
            last.event_id,
        )
        await connection.execute(
            "update checkpoints set position = $1, event_id = $2", last.position, last.event_id
        )
    live = await timeline.rows("activity")
    await timeline.rebuild("activity")
    assert await timeline.rows("activity") == live


async def test_only_one_rebuild_of_a_projection_at_a_time(timeline: Timeline) -> None:
    connection = await asyncpg.connect(timeline.fresh.admin_dsn)
    try:
        assert await connection.fetchval(rebuilding.TRY_LOCK, "moments_v1")
        with pytest.raises(RebuildFailed, match="under way"):
            await timeline.rebuild("moments")
    finally:
        await connection.close()


async def test_a_rollback_brings_the_earlier_one_back_and_up_to_date(timeline: Timeline) -> None:
    happens(timeline)
    await timeline.tell_up_to(100)
    await timeline.rebuild("milestone_history")
    async with timeline.database.connection() as connection:
        await connection.execute("update milestone_changes set name = 'wrongly rebuilt'")
    await timeline.tell()
    projection = PROJECTIONS["milestone_history"]()
    result = await rollback(projection, timeline.fresh.admin_dsn, timeline.service_dsn, timeline.log)
    assert result == Result(["milestone_history_v1"], timeline.history.head)
    rolled_back = await timeline.rows("milestone_changes")
    await timeline.rebuild("milestone_history")
    assert await timeline.rows("milestone_changes") == rolled_back


async def test_without_an_earlier_one_there_is_nothing_to_roll_back_to(timeline: Timeline) -> None:
    projection = PROJECTIONS["activity"]()
    with pytest.raises(RebuildFailed, match="no earlier activity_v1"):
        await rollback(projection, timeline.fresh.admin_dsn, timeline.service_dsn, timeline.log)

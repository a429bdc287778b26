"""Behind every question of timeline stands a wall: what Postgres shows to an organization is its own, or nothing."""

from uuid import UUID

import asyncpg
import pytest

from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.events.envelope import aggregate_of
from services.timeline import milestone_history, projections
from services.timeline.projections import PROJECTIONS, ROLES
from tests.component.timeline.conftest import Timeline
from tests.support import walls
from tests.support.history import ORG, an_id
from tests.support.random_history import RandomHistory
from tests.support.timeline_database import migrate_timeline

OTHER = an_id("another organization")


async def tell_of_two_organizations(timeline: Timeline) -> None:
    timeline.history.events[:] = RandomHistory(3, 120).events
    for event in list(timeline.history.events):
        kind = aggregate_of(event.envelope.stream)
        timeline.history.record(kind, event.envelope.entity_id, event.data, org_id=OTHER)
    await timeline.tell()


async def test_every_table_of_organizations_is_behind_its_wall(timeline: Timeline) -> None:
    found = await walls.assert_walled(timeline.database, ROLES)
    named = {table.name.partition(".")[2] for table in found}
    assert {"projects", "milestones", "issues", "activity", "parked_events", "access_members"} <= named


async def test_a_rebuilt_read_model_is_behind_its_wall_from_its_first_row_on(timeline: Timeline) -> None:
    await tell_of_two_organizations(timeline)
    for title in PROJECTIONS:
        await timeline.rebuild(title)
    names = {table.name for table in await walls.assert_walled(timeline.database, ROLES)}
    assert {name.replace("_v1.", "_v1_retired.") for name in names if "_v1." in name} <= names
    assert await seen_by(timeline, ORG) == {ORG}


async def test_a_database_from_before_the_walls_gets_them_with_its_next_migration(timeline: Timeline) -> None:
    await tell_of_two_organizations(timeline)
    connection = await asyncpg.connect(timeline.fresh.admin_dsn)
    for table in await walls.tables(timeline.database):
        schema = table.name.partition(".")[0]
        await connection.execute(f"""
            alter table {table.name} disable row level security, no force row level security;
            drop policy every_organization on {table.name};
            drop policy one_organization on {table.name};
            grant all on all tables in schema {schema} to {ROLES.serving};
            revoke all on all tables in schema {schema} from {ROLES.internal};
        """)
    assert await seen_by(timeline, ORG) == {ORG, OTHER}
    await connection.close()
    await migrate_timeline(timeline.fresh)
    await walls.assert_walled(timeline.database, ROLES)
    assert await seen_by(timeline, ORG) == {ORG}
    await timeline.rebuild("milestone_history")


async def test_the_serving_role_stands_below_the_wall(timeline: Timeline) -> None:
    await walls.assert_roles(timeline.database, ROLES)
    async with Organizations(timeline.serving).transaction(ORG) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("delete from milestones")


async def test_an_organization_sees_its_own_rows_in_every_table_and_nobody_sees_any(
    timeline: Timeline,
) -> None:
    await tell_of_two_organizations(timeline)
    assert await seen_by(timeline, ORG) == {ORG}
    assert await seen_by(timeline, OTHER) == {OTHER}
    async with Organizations(timeline.serving).nobody() as connection:
        for name in await readable(timeline):
            assert await connection.fetch(f"select from {name}") == [], name


async def test_a_question_that_forgot_its_organization_is_answered_with_ones_own(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell_of_two_organizations(timeline)
    monkeypatch.setattr(
        milestone_history,
        "PRESENT",
        milestone_history.PRESENT.replace("org_id = :org_id and", ""),
    )
    assert ":org_id" not in milestone_history.PRESENT
    own = (await timeline.ask("/milestones", limit=200))["items"]
    async with timeline.database.connection() as connection:
        count = await connection.fetchval("select count(*) from milestones where org_id = $1", ORG)
        everybodys = await connection.fetchval("select count(*) from milestones")
    assert (len(own), everybodys) == (count, 2 * count)


def test_what_answers_requests_holds_no_pool(timeline: Timeline) -> None:
    held = [timeline.app.state.reader, *vars(timeline.app.state)["_state"].values()]
    assert not any(isinstance(part, Database) for each in held for part in (each, *vars_of(each)))


def vars_of(each: object) -> list[object]:
    return list(vars(each).values()) if hasattr(each, "__dict__") else []


async def readable(timeline: Timeline) -> list[str]:
    """The tables of organizations that questions are answered from."""
    async with timeline.serving.connection() as connection:
        rows = {
            table.name: await connection.fetchval(
                "select has_schema_privilege(split_part($1, '.', 1), 'usage') and has_table_privilege($1, 'select')",
                table.name,
            )
            for table in await walls.tables(timeline.database)
        }
    found = [name for name, may_read in rows.items() if may_read]
    assert {name.partition(".")[0] for name in found} >= {*projections.names()} - {"moments_v1"}
    return found


async def seen_by(timeline: Timeline, org_id: UUID) -> set[UUID]:
    """Whose rows the tables show, asked without any `where`."""
    names = await readable(timeline)
    seen = await walls.visible_to(Organizations(timeline.serving), org_id, names)
    return {each for found in seen.values() for each in found}

"""Behind every request to notifications stands a wall: Postgres shows an organization its own rows, or none."""

from uuid import UUID

import asyncpg
import pytest

from libs.chassis.organizations import Organizations
from services.notifications import inbox
from services.notifications.migrating import ROLES
from services.notifications.subscriptions import Wish
from tests.support import walls
from tests.support.notifications.events import ORGANIZATION, PROJECT
from tests.support.notifications.surface import PERSON, Service, commented
from tests.support.notifications.world import World

OTHER = UUID(int=0xBEEF)
# What requests have no business with at all.
CLOSED = (
    "from attempts",
    "from parked_events",
    "from parking_decisions",
    "from streams",
    "detail from parked_sequences",
)


async def tell_two_organizations(world: World, service: Service) -> None:
    """The same happens in both: somebody subscribes, a webhook is registered, a comment is told and delivered."""
    await world.subscribe(PERSON, Wish(project_id=PROJECT, mute_own=False))
    await world.register()
    await commented(world, service)
    await world.deliver()
    async with world.database.transaction() as connection:
        for name in await readable(world):
            columns = await connection.fetchval(
                "select string_agg(quote_ident(attname), ', ') from pg_attribute"
                " where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> 'org_id'",
                name,
            )
            await connection.execute(
                f"insert into {name} (org_id, {columns}) select '{OTHER}', {columns} from {name} where org_id = $1",
                ORGANIZATION,
            )


async def test_every_table_of_organizations_is_behind_its_wall(world: World) -> None:
    found = await walls.assert_walled(world.database, ROLES)
    named = {table.name.partition(".")[2] for table in found}
    assert {"inbox_items", "webhook_endpoints", "deliveries", "idempotency_keys", "access_api_keys"} <= named


async def test_the_serving_role_stands_below_the_wall(world: World) -> None:
    await walls.assert_roles(world.database, ROLES)
    async with Organizations(world.serving).nobody() as connection:
        for closed in CLOSED:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"select {closed}")


async def test_an_organization_sees_its_own_rows_in_every_table_and_nobody_sees_any(
    world: World, service: Service
) -> None:
    await tell_two_organizations(world, service)
    names = await readable(world)
    for org_id in (ORGANIZATION, OTHER):
        seen = await walls.visible_to(Organizations(world.serving), org_id, names)
        assert {each for found in seen.values() for each in found} == {org_id}
        filled = {name for name, found in seen.items() if found}
        assert len(filled) >= 7, filled
    async with Organizations(world.serving).nobody() as connection:
        for name in names:
            assert await connection.fetch(f"select from {name}") == [], name


async def test_an_inbox_that_forgot_its_organization_shows_one_all_the_same(
    world: World, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell_two_organizations(world, service)
    monkeypatch.setattr(inbox, "VISIBLE", inbox.VISIBLE.replace("org_id = $1", "$1::uuid is not null"))
    assert "org_id" not in inbox.VISIBLE
    async with service.client(PERSON, org_role="owner") as client:
        shown = (await client.get("/inbox")).json()["items"]
        count = (await client.get("/inbox/unread-count")).json()
    async with world.database.connection() as connection:
        everybodys = await connection.fetchval(
            "select count(*) from inbox_items where person_id = $1", PERSON
        )
    assert (len(shown), everybodys) == (1, 2)
    assert 2 not in count.values()


async def test_loops_see_every_organization(world: World, service: Service) -> None:
    await tell_two_organizations(world, service)
    async with world.database.connection() as connection:
        seen = await connection.fetch("select distinct org_id from inbox_items")
    assert {row[0] for row in seen} == {ORGANIZATION, OTHER}


async def readable(world: World) -> list[str]:
    """The tables of organizations that requests may read, those first that others refer to."""
    first = ("public.webhook_endpoints", "public.webhook_bodies", "public.deliveries")
    async with world.serving.connection() as connection:
        found = [
            table.name
            for table in await walls.tables(world.database)
            if await connection.fetchval("select has_table_privilege($1, 'select')", table.name)
        ]
    return [*first, *(name for name in found if name not in first and "access_" not in name)]

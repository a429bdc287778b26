"""What notifications keeps of an organization goes some time after it was offboarded."""

from datetime import datetime

import asyncpg

from libs.access import offboarding, projecting
from libs.access.offboarding import Offboarding
from libs.access.projecting import AccessHandler
from libs.chassis.sessions import Connection
from libs.events.access import MemberJoined, OrganizationFounded, OrganizationOffboarded, OrganizationRole
from libs.events.envelope import EventData
from services.notifications.once import Answer, Key, Once
from services.notifications.rules import CHECKPOINT_NAME
from tests.support.databases import with_database
from tests.support.notifications.events import ACTOR, ORGANIZATION
from tests.support.notifications.receiver import status
from tests.support.notifications.world import World, comment
from tests.support.stored import tables_naming, tables_of_organizations

CHECKPOINTS = (CHECKPOINT_NAME, projecting.CHECKPOINT_NAME)


async def lived_in(world: World) -> None:
    """Something in every table that requests and events fill, then the end."""
    await access(world, OrganizationFounded(name="Apollo program"))
    await access(world, MemberJoined(person_id=ACTOR, role=OrganizationRole.OWNER))
    await world.subscribe(ACTOR)
    await world.register()
    await world.tell(comment(world), comment(world, actor=ORGANIZATION))
    await world.deliver()
    world.receiver.answer = status(500)
    await world.tell(comment(world))
    await world.deliver()

    async def work(connection: Connection, now: datetime) -> Answer:
        return Answer(201, b"{}")

    await Once(world.organizations, world.sealer, world.clock).run(
        ORGANIZATION, Key(ORGANIZATION, ACTOR, "once", b"hash"), work
    )
    await access(world, OrganizationOffboarded())


async def access(world: World, data: EventData) -> None:
    event = world.happened(data, project_id=None)
    await world.tell(event)
    async with world.database.transaction() as connection:
        await AccessHandler().apply(connection, [event])
        await connection.execute(
            "insert into checkpoints (name, position) values ($1, $2)"
            " on conflict (name) do update set position = excluded.position",
            projecting.CHECKPOINT_NAME,
            event.envelope.position,
        )


async def naming(world: World, administrator_dsn: str) -> dict[str, int]:
    async with world.database.connection() as connection:
        name = await connection.fetchval("select current_database()")
    administrator = await asyncpg.connect(with_database(administrator_dsn, name))
    try:
        return dict(await tables_naming(administrator, ORGANIZATION))
    finally:
        await administrator.close()


async def test_only_that_it_was_here_is_left(world: World, postgres_admin_dsn: str) -> None:
    await lived_in(world)
    filled = await naming(world, postgres_admin_dsn)
    assert len(filled) >= 12, filled

    while await Offboarding(world.database, CHECKPOINTS, 0).forget():
        pass

    assert await naming(world, postgres_admin_dsn) == {"public.access_organizations": 1}


async def test_every_table_is_emptied_or_kept_on_purpose(world: World) -> None:
    async with world.database.connection() as connection:
        emptied = {row[0] for row in await connection.fetch(offboarding.TABLES, list(offboarding.KEPT))}
        assert await tables_of_organizations(connection) - emptied == set(offboarding.KEPT)

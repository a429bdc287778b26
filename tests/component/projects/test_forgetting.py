"""Some time after an organization was offboarded its events are all that projects keeps of it."""

import asyncpg
import pytest
import pytest_asyncio

from libs.chassis.postgres import Database
from libs.events.log.log import Log
from services.projects import organizations
from services.projects.forgetting import Forgetting
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_members import ANN, join, propose
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.recordings import ORGANIZATION
from tests.support.stored import tables_naming, tables_of_organizations


@pytest.fixture
def grants_in_tokens() -> bool:
    return False


@pytest_asyncio.fixture
async def projects_database(fresh_database: FreshDatabaseFactory) -> FreshDatabase:
    return await fresh_database("projects", migrate_projects)


@pytest.fixture
def service_dsn(projects_database: FreshDatabase) -> str:
    return projects_database.dsn(SERVICE, PASSWORD)


async def naming(database: FreshDatabase, needle: object = ORGANIZATION) -> dict[str, int]:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return dict(await tables_naming(connection, needle))
    finally:
        await connection.close()


async def every_table(database: FreshDatabase) -> set[str]:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return {f"public.{table}" for table in await tables_of_organizations(connection)}
    finally:
        await connection.close()


async def lived_in(founded: Clients, database: Database) -> None:
    """Something in every table that belongs to organizations, but for the access log, which goes in its own time."""
    await join(founded(OWNER), ANN)
    await founded(ANN).put(f"/v1/profiles/{ANN}", json={"name": "Ann"})
    await propose(founded(ANN))
    answer = await founded(ANN).post(
        "/v1/projects", json={"name": "Lander"}, headers={"Idempotency-Key": "once"}
    )
    assert answer.status_code == 201, answer.text
    async with database.connection() as connection:
        await connection.execute(
            "insert into api_key_uses (org_id, api_key_id, last_used_at) values ($1, $2, now())",
            ORGANIZATION,
            ANN,
        )


async def test_only_events_are_left(
    founded: Clients, operator_log: Log, here: Database, projects_database: FreshDatabase
) -> None:
    await lived_in(founded, here)
    filled = await naming(projects_database)
    assert set(filled) == await every_table(projects_database) - {"public.access_log"}
    await organizations.offboard(operator_log, ORGANIZATION, "")

    while await Forgetting(here, 0).forget():
        pass

    assert await naming(projects_database) == {"public.events": filled["public.events"] + 1}


async def test_who_was_offboarded_lately_and_who_was_not_is_kept(
    founded: Clients, operator_log: Log, here: Database, projects_database: FreshDatabase
) -> None:
    await lived_in(founded, here)
    filled = await naming(projects_database)
    assert await Forgetting(here, 0).forget() == 0
    assert await naming(projects_database) == filled

    await organizations.offboard(operator_log, ORGANIZATION, "")
    assert await Forgetting(here, 1).forget() == 0
    assert await naming(projects_database) == {**filled, "public.events": filled["public.events"] + 1}

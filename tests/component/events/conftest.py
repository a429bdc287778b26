"""A log in a fresh database, reached in the roles of the projects service."""

from collections.abc import AsyncIterator

import pytest_asyncio

from libs.chassis.postgres import Database
from libs.events.log.log import Log
from tests.component.events.consumer import database
from tests.component.events.worlds import world
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, RELAY, SERVICE, migrate_projects


@pytest_asyncio.fixture
async def projects_database(fresh_database: FreshDatabaseFactory) -> FreshDatabase:
    return await fresh_database("projects", migrate_projects)


@pytest_asyncio.fixture
async def service_database(projects_database: FreshDatabase) -> AsyncIterator[Database]:
    database = await Database.connect(
        projects_database.dsn(SERVICE, PASSWORD), application_name="test", connections_max=20
    )
    yield database
    await database.close()


@pytest_asyncio.fixture
async def relay_database(projects_database: FreshDatabase) -> AsyncIterator[Database]:
    database = await Database.connect(projects_database.dsn(RELAY, PASSWORD), application_name="test relay")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def log(service_database: Database) -> Log:
    return Log(service_database)


__all__ = ["database", "world"]

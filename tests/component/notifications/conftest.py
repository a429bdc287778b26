"""A notifications service against a real database and a real receiver, and people who use it over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from libs.chassis.freshness import Progress
from libs.chassis.postgres import Database
from tests.support.databases import FreshDatabaseFactory
from tests.support.notifications.databases import INTERNAL, PASSWORD, SERVICE, migrate_notifications
from tests.support.notifications.receiver import receiving
from tests.support.notifications.surface import PERSON, VIEWING, Service, issuer_in
from tests.support.notifications.world import World


@pytest_asyncio.fixture
async def world(fresh_database: FreshDatabaseFactory) -> AsyncIterator[World]:
    """An empty notifications service and a receiver that accepts everything."""
    fresh = await fresh_database("notifications", migrate_notifications)
    database = await Database.connect(fresh.dsn(INTERNAL, PASSWORD), application_name="notifications test")
    serving = await Database.connect(fresh.dsn(SERVICE, PASSWORD), application_name="notifications test")
    async with receiving() as receiver:
        made = World(database, serving, receiver)
        yield made
        await made.sender.close()
    await serving.close()
    await database.close()


@pytest.fixture
def service(world: World, tmp_path: Path) -> Service:
    made = Service(world.serving, issuer_in(tmp_path), Progress(), world.clock)
    world.sealer = world.delivering.sealer = made.sealer
    return made


@pytest_asyncio.fixture
async def person(service: Service) -> AsyncIterator[AsyncClient]:
    """Somebody who may see one project."""
    async with service.client(PERSON, projects=VIEWING) as client:
        yield client


@pytest_asyncio.fixture
async def owner(service: Service) -> AsyncIterator[AsyncClient]:
    async with service.client(PERSON, org_role="owner") as client:
        yield client

"""An empty database of the test's own, seen by its administrator."""

import pytest_asyncio

from tests.support.databases import FreshDatabase, FreshDatabaseFactory


@pytest_asyncio.fixture
async def empty_database(fresh_database: FreshDatabaseFactory) -> FreshDatabase:
    return await fresh_database("empty", nothing)


async def nothing(_: FreshDatabase) -> None:
    """An empty template needs no migration."""

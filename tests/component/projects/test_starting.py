"""projects starts through any outage of its database, and not at all where an acknowledged append could be lost."""

import asyncio

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from libs.chassis.development_issuer import DevelopmentIssuer
from services.projects.app import program
from services.projects.settings import ProjectsSettings
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects

STARTED_SECONDS_MAX = 60
SESSIONS = 10
END_SESSIONS = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where application_name = 'projects appends' and datname = $1
"""


@pytest_asyncio.fixture
async def database(fresh_database: FreshDatabaseFactory) -> FreshDatabase:
    return await fresh_database("projects", migrate_projects)


async def started(dsn: str, issuer: DevelopmentIssuer) -> None:
    settings = ProjectsSettings(database_url=SecretStr(dsn), jwks_file=issuer.jwks_file, log_level="error")
    async with asyncio.timeout(STARTED_SECONDS_MAX), program(settings, asyncio.Event()):
        pass


async def test_sessions_that_end_while_it_starts_are_opened_again(
    database: FreshDatabase, issuer: DevelopmentIssuer
) -> None:
    administrator = await asyncpg.connect(database.admin_dsn)
    starting = asyncio.create_task(started(database.dsn(SERVICE, PASSWORD), issuer))
    ended = 0
    while ended < SESSIONS and not starting.done():
        ended += await administrator.fetchval(END_SESSIONS, database.name)
    await starting
    assert ended >= SESSIONS
    await administrator.close()


async def test_it_does_not_start_where_commits_do_not_wait_for_the_disk(
    database: FreshDatabase, issuer: DevelopmentIssuer
) -> None:
    administrator = await asyncpg.connect(database.admin_dsn)
    await administrator.execute(
        f'alter role {SERVICE} in database "{database.name}" set synchronous_commit = off'
    )
    await administrator.close()
    with pytest.raises(RuntimeError, match="synchronous_commit = off"):
        await started(database.dsn(SERVICE, PASSWORD), issuer)

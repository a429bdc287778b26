"""The projects service in this process, on a database of its own, and people who may use it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import httpx2 as httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.postgres import Database
from libs.chassis.server import Program
from libs.events.log.log import Log
from services.projects import organizations
from services.projects.app import program
from services.projects.settings import ProjectsSettings
from tests.support.databases import FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.recordings import ACTOR, ORGANIZATION

Clients = Callable[..., httpx.AsyncClient]
OWNER = UUID(int=11)


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    return DevelopmentIssuer(Path(tmp_path_factory.mktemp("keys")))


@pytest_asyncio.fixture
async def service_dsn(fresh_database: FreshDatabaseFactory) -> str:
    """The service's own way into the database of this test."""
    database = await fresh_database("projects", migrate_projects)
    return database.dsn(SERVICE, PASSWORD)


@pytest_asyncio.fixture
async def operator_log(service_dsn: str) -> AsyncIterator[Log]:
    """The log as an operator's command opens it."""
    database = await Database.connect(service_dsn, application_name="operator", connections_max=1)
    yield Log(database)
    await database.close()


@pytest.fixture
def grants_in_tokens() -> bool:
    """Whether roles in tokens count, which saves most tests from founding an organization."""
    return True


@pytest_asyncio.fixture
async def running(
    service_dsn: str, issuer: DevelopmentIssuer, grants_in_tokens: bool
) -> AsyncIterator[Program]:
    """The service, with the loop that appends; a test that needs another one runs it."""
    settings = ProjectsSettings(
        database_url=SecretStr(service_dsn),
        jwks_file=issuer.jwks_file,
        grants_in_tokens=grants_in_tokens,
        log_level="error",
    )
    async with program(settings, asyncio.Event()) as program_of_test:
        sending = asyncio.ensure_future(program_of_test.loops["appends"]())
        yield program_of_test
        sending.cancel()


@pytest_asyncio.fixture
async def clients(running: Program, issuer: DevelopmentIssuer) -> AsyncIterator[Clients]:
    """`clients(org_role="member", projects={…})`: a client with a token of those roles."""
    opened: list[httpx.AsyncClient] = []

    def client(
        org_role: str | None = "owner",
        org_id: UUID = ORGANIZATION,
        actor: UUID = ACTOR,
        projects: dict[UUID, str] | None = None,
    ) -> httpx.AsyncClient:
        token = issuer.mint(org_id=org_id, actor=actor, org_role=org_role, project_roles=projects or {})
        opened.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(running.app),
                base_url="http://projects",
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        return opened[-1]

    yield client
    for each in opened:
        await each.aclose()


@pytest.fixture
def owner(clients: Clients) -> httpx.AsyncClient:
    return clients()


@pytest_asyncio.fixture
async def founded(clients: Clients, operator_log: Log) -> Clients:
    """An organization with its owner and nobody else; its clients have no roles in their tokens."""
    await organizations.found(operator_log, ORGANIZATION, "Apollo program", OWNER)

    def client(actor: UUID, org_id: UUID = ORGANIZATION) -> httpx.AsyncClient:
        return clients(org_role=None, actor=actor, org_id=org_id)

    return client


@pytest_asyncio.fixture
async def here(service_dsn: str) -> AsyncIterator[Database]:
    database = await Database.connect(service_dsn, application_name="operator", connections_max=2)
    yield database
    await database.close()

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
from services.projects.app import program
from services.projects.settings import ProjectsSettings
from tests.support.databases import FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.recordings import ACTOR, ORGANIZATION

Clients = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    return DevelopmentIssuer(Path(tmp_path_factory.mktemp("keys")))


@pytest_asyncio.fixture
async def clients(fresh_database: FreshDatabaseFactory, issuer: DevelopmentIssuer) -> AsyncIterator[Clients]:
    """`clients(org_role="member", projects={…})`: a client with a token of those roles."""
    database = await fresh_database("projects", migrate_projects)
    settings = ProjectsSettings(
        database_url=SecretStr(database.dsn(SERVICE, PASSWORD)),
        jwks_file=issuer.jwks_file,
        grants_in_tokens=True,
        log_level="error",
    )
    opened: list[httpx.AsyncClient] = []
    async with program(settings, asyncio.Event()) as running:
        sending = asyncio.ensure_future(running.loops["appends"]())

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
        sending.cancel()


@pytest.fixture
def owner(clients: Clients) -> httpx.AsyncClient:
    return clients()

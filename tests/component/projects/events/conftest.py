"""The projects service with its feed at work, on a database of its own, and people who read it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
import pytest_asyncio
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.postgres import Database
from libs.events.envelope import EventData, stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Expectation, NewEvent, Recording
from services.projects.app import program
from services.projects.settings import ProjectsSettings
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.event_streams import Listener, listening
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.recordings import ACTOR, ORGANIZATION, proposing

LOOPS = ("appends", "event tail", "event streams")


@dataclass
class Feed:
    """The service in this process. Events go into its log behind its back, as another process would append them."""

    app: Any
    log: Log
    database: FreshDatabase
    issuer: DevelopmentIssuer
    stopping: asyncio.Event
    versions: dict[str, int] = field(default_factory=dict)

    def token(self, *, actor: UUID = ACTOR, org_id: UUID = ORGANIZATION, **grants: Any) -> dict[str, str]:
        """The header of somebody with these grants, by default an owner's."""
        if "project_roles" not in grants and "org_role" not in grants:
            grants["org_role"] = "owner"
        return {"Authorization": f"Bearer {self.issuer.mint(org_id=org_id, actor=actor, **grants)}"}

    def listen(
        self, token: Mapping[str, str] | None = None, last_event_id: int | None = None, **parameters: Any
    ) -> AbstractAsyncContextManager[Listener]:
        """A stream of an owner, or of whoever's token it is."""
        headers = dict(token or self.token())
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        return listening(self.app, headers, **parameters)

    def client(self, token: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self.app)
        headers = dict(token or self.token())
        return httpx2.AsyncClient(
            transport=transport, base_url="http://projects", headers=headers, timeout=20
        )

    async def propose(self, count: int = 1, project_id: UUID | None = None, **options: Any) -> UUID:
        """Record events of a project, by default a new one."""
        project_id = project_id or uuid7()
        stream = stream_name("project", project_id)
        version = self.versions.get(stream, 0)
        await self.log.append([proposing(project_id, version=version, events=count, **options)])
        self.versions[stream] = version + count
        return project_id

    async def record(
        self, aggregate: str, entity_id: UUID, *facts: EventData, project_id: UUID | None = None
    ) -> None:
        """Record events of an aggregate of the organization."""
        stream = stream_name(aggregate, entity_id)
        version = self.versions.get(stream, 0)
        events = tuple(
            NewEvent(uuid7(), stream, version + number, project_id, fact)
            for number, fact in enumerate(facts, start=1)
        )
        expected = (Expectation(stream, version),)
        await self.log.append([Recording(ORGANIZATION, ACTOR, expected, events, Answer(200, b""))])
        self.versions[stream] = version + len(facts)


Feeds = Callable[..., Awaitable[Feed]]


@pytest_asyncio.fixture
async def feeds(fresh_database: FreshDatabaseFactory, issuer: DevelopmentIssuer) -> AsyncIterator[Feeds]:
    """`await feeds(grants_in_tokens=False, event_streams_max=3)`: a service with these settings."""
    async with AsyncExitStack() as opened:

        async def start(**settings: Any) -> Feed:
            database = await fresh_database("projects", migrate_projects)
            dsn = database.dsn(SERVICE, PASSWORD)
            chosen = ProjectsSettings(
                database_url=SecretStr(dsn),
                jwks_file=issuer.jwks_file,
                log_level="error",
                **{"grants_in_tokens": True, **settings},
            )
            stopping = asyncio.Event()
            running = await opened.enter_async_context(program(chosen, stopping))
            for name in LOOPS:
                loop = asyncio.ensure_future(running.loops[name]())
                opened.callback(loop.cancel)
            behind = await Database.connect(dsn, application_name="another process", connections_max=8)
            opened.push_async_callback(behind.close)
            return Feed(running.app, Log(behind), database, issuer, stopping)

        yield start


@pytest_asyncio.fixture
async def feed(feeds: Feeds) -> Feed:
    return await feeds()

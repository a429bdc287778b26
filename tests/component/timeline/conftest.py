"""The timeline service in this process on a database of its own, told histories, asked over its real HTTP."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.freshness import Progress
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.events import consuming
from libs.events.applying import Handler
from libs.events.consuming import Position
from libs.events.envelope import Envelope, Event
from libs.events.feed import FeedUnavailable
from libs.events.writing import write_together
from services.timeline import app, projections
from services.timeline.projecting import connect
from services.timeline.projections import PROJECTIONS
from services.timeline.rebuilding import PAGE_EVENTS, Result, rebuild
from services.timeline.settings import Settings
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.history import ORG, SOMEBODY, History
from tests.support.timeline_database import INTERNAL, PASSWORD, SERVICE, migrate_timeline


@dataclass
class HistoryLog:
    """The log of projects as the reader asks it: a history, that may be out of reach."""

    history: History
    is_reachable: bool = True
    pages_asked: int = 0

    async def page(self, after: int, limit: int) -> list[Envelope]:
        if not self.is_reachable:
            raise FeedUnavailable("out of reach")
        self.pages_asked += 1
        return [event.envelope for event in self.history.events[after : after + limit]]

    async def head(self) -> int:
        return self.history.head

    async def place(self, position: int) -> Position:
        return Position(position, self.history.events[position - 1].envelope.event_id if position else None)


@dataclass
class Timeline:
    """One timeline: what happened (`history`), how much of it was told, and clients who ask."""

    database: Database
    serving: Database
    settings: Settings
    issuer: DevelopmentIssuer
    fresh: FreshDatabase
    history: History = field(default_factory=History)
    projections: Sequence[Handler] = field(default_factory=projections.all_projections)
    progress: Progress = field(default_factory=Progress)
    told: int = 0

    def __post_init__(self) -> None:
        self.log = HistoryLog(self.history)
        self.app = app.create(self.settings, Organizations(self.serving), self.log, self.progress)

    async def tell(self, *sizes: int) -> None:
        """Apply what was not told yet, in batches of these sizes and then the rest, as the subscription does."""
        for size in (*sizes, len(self.history.events)):
            batch = self.history.events[self.told : self.told + size]
            if batch:
                await self.apply(batch)

    async def tell_up_to(self, position: int) -> None:
        await self.apply(self.history.events[self.told : position])

    async def apply(self, batch: Sequence[Event]) -> None:
        names = [projection.name for projection in self.projections]
        last = batch[-1].envelope
        async with self.database.transaction() as connection:
            checkpoints = await consuming.lock_checkpoints(connection, names)
        target = Position(last.position, last.event_id)
        async with self.database.connection() as connection, consuming.step(connection, checkpoints, target):
            for projection in self.projections:
                await write_together(connection, await projection.apply(connection, batch) or ())
        self.told = last.position
        self.progress.advance(last.position)

    def client(
        self,
        org_role: str | None = "owner",
        *,
        org_id: UUID = ORG,
        projects: dict[UUID, str] | None = None,
    ) -> httpx.AsyncClient:
        token = self.issuer.mint(
            org_id=org_id, actor=SOMEBODY, org_role=org_role, project_roles=projects or {}
        )
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://timeline/v1/timeline",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def ask(self, path: str, **parameters: Any) -> Any:
        """The answer an owner gets, which must be a success."""
        async with self.client() as client:
            response = await client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, path: str, **parameters: Any) -> tuple[int, str]:
        """Status and code of the problem an owner gets."""
        async with self.client() as client:
            response = await client.get(path, params=parameters)
        return response.status_code, response.json()["code"]

    async def rebuild(self, *titles: str, page_events: int = PAGE_EVENTS) -> Result:
        rebuilt = [PROJECTIONS[title]() for title in titles]
        return await rebuild(
            rebuilt, self.fresh.admin_dsn, self.service_dsn, self.log, page_events=page_events
        )

    @property
    def service_dsn(self) -> str:
        return self.settings.database_url.get_secret_value()

    async def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Every row of a table, in the order of all its columns."""
        async with self.database.connection() as connection:
            found = await connection.fetch(f"select row::text from {table} as row order by 1")
        return [tuple(row) for row in found]


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    return DevelopmentIssuer(Path(tmp_path_factory.mktemp("keys")))


@pytest_asyncio.fixture
async def timeline(
    fresh_database: FreshDatabaseFactory, issuer: DevelopmentIssuer
) -> AsyncIterator[Timeline]:
    """A timeline that was told nothing yet."""
    fresh = await fresh_database("timeline", migrate_timeline)
    settings = Settings(
        database_url=SecretStr(fresh.dsn(SERVICE, PASSWORD)),
        internal_database_url=SecretStr(fresh.dsn(INTERNAL, PASSWORD)),
        nats_url=SecretStr("nats://nobody"),
        projects_url="http://nowhere",
        service_token=SecretStr("none"),
        jwks_file=issuer.jwks_file,
        grants_in_tokens=True,
        log_level="error",
    )
    database = await connect(settings.internal_database_url, "timeline test", 4)
    serving = await connect(settings.database_url, "timeline test", 4)
    made = Timeline(database, serving, settings, issuer, fresh)
    yield made
    await made.app.state.renderer.close()
    await serving.close()
    await database.close()

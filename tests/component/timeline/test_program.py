"""The whole program against a real NATS: events go in at the stream, answers come out over HTTP."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx
import pytest_asyncio
from pydantic import SecretStr

from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.migrations import ROOT
from libs.chassis.organizations import Organizations
from libs.events import catalogue, jetstream
from libs.events.envelope import Event, cloud_event
from libs.events.log.keeper import Keeper, StreamSettings
from libs.events.portfolio import Methodology, MethodologyAdopted, ProjectProposed
from services.timeline import app
from services.timeline.settings import Settings
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.eventually import eventually
from tests.support.history import ORG, SOMEBODY, History, an_id
from tests.support.random_history import RandomHistory
from tests.support.servers import NatsServer
from tests.support.timeline_database import INTERNAL, PASSWORD, SERVICE, migrate_timeline


@dataclass
class Running:
    """The program, its stream, and a client who may see everything."""

    settings: Settings
    nats: NatsServer
    client: httpx.AsyncClient
    organizations: Organizations
    published: int = 0
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> None:
        """What the relay does: each event at the stream sequence that is its position."""
        client = await jetstream.connect(self.nats.url("relay"), "relay")
        messages = [(catalogue.subject(event.envelope), cloud_event(event.envelope)) for event in events]
        self.published = await jetstream.publish_batch(client, messages, self.published)
        await client.close()

    async def ask(self, path: str) -> httpx.Response:
        headers = {"Prefer": "wait=5"}
        return await self.client.get(path, params={"min_position": self.published}, headers=headers)

    @property
    def dsns(self) -> dict[str, str]:
        return {
            "MILEPOST_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "MILEPOST_INTERNAL_DATABASE_URL": self.settings.internal_database_url.get_secret_value(),
        }

    async def command(self, *arguments: str) -> str:
        """What an operator's command prints; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.timeline",
            *arguments,
            cwd=ROOT,
            env={**os.environ, **self.dsns},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0
        return output.decode()


def settings_for(database: FreshDatabase, nats: NatsServer, issuer: DevelopmentIssuer) -> Settings:
    return Settings(
        database_url=SecretStr(database.dsn(SERVICE, PASSWORD)),
        internal_database_url=SecretStr(database.dsn(INTERNAL, PASSWORD)),
        nats_url=SecretStr(nats.url("timeline")),
        projects_url="http://127.0.0.1:9",
        service_token=SecretStr("none"),
        jwks_file=issuer.jwks_file,
        grants_in_tokens=True,
        log_level="error",
    )


@pytest_asyncio.fixture
async def running(
    fresh_database: FreshDatabaseFactory, fresh_nats: NatsServer, issuer: DevelopmentIssuer
) -> AsyncIterator[Running]:
    database = await fresh_database("timeline", migrate_timeline)
    settings = settings_for(database, fresh_nats, issuer)
    await Keeper(fresh_nats.url("keeper"), StreamSettings()).create(1)
    token = issuer.mint(org_id=ORG, actor=SOMEBODY, org_role="owner")
    async with (
        app.program(settings, asyncio.Event()) as program,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(program.app),
            base_url="http://timeline/v1/timeline",
            headers={"Authorization": f"Bearer {token}"},
        ) as client,
    ):
        service: Any = program.app
        made = Running(settings, fresh_nats, client, service.state.access_log.organizations)
        made.tasks = [asyncio.ensure_future(loop()) for loop in program.loops.values()]
        yield made
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_what_is_published_is_seen_by_whoever_waits_for_it(running: Running) -> None:
    events = RandomHistory(1, 300).events
    await running.publish(events[:200])
    first = await running.ask("/issues")
    await running.publish(events[200:])
    second = await running.ask("/issues")
    assert [each.headers["milepost-position"] for each in (first, second)] == ["200", str(len(events))]
    assert len(second.json()["items"]) == 8
    again = await running.client.get("/issues", params={"as_of": 200})
    assert again.json()["items"] == first.json()["items"]


async def test_an_organization_that_reads_all_it_may_is_told_to_come_back(running: Running) -> None:
    async with AsyncExitStack() as reads:
        for _ in range(running.settings.organization_reads_max):
            await reads.enter_async_context(running.organizations.transaction(ORG, readonly=True))
        refused = await running.client.get("/issues")
    problem = refused.json()
    assert (refused.status_code, problem["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert (await running.client.get("/issues")).status_code == 200


async def test_a_poisoned_project_waits_while_others_go_on_until_an_operator_decides(
    running: Running,
) -> None:
    poisoned, healthy = an_id("Apollo"), an_id("Gemini")
    history = History()
    for project_id in (poisoned, healthy):
        history.record("project", project_id, ProjectProposed(project_id=project_id, name="It"))
    for project_id in (poisoned, healthy, poisoned):
        history.record("project", project_id, MethodologyAdopted(methodology=Methodology.KANBAN))
    events = history.events
    events[2] = events[2]._replace(envelope=replace(events[2].envelope, data={"methodology": "hope"}))
    await running.publish(events)
    assert await told(running, healthy) == [4, 2]
    assert await told(running, poisoned) == [1]
    listed = await running.command("parked", "list")
    assert f"project-{poisoned}  at 3  2 events wait  cannot_apply" in listed
    shown = await running.command("parked", "show", str(ORG), f"project-{poisoned}")
    assert [line.split()[:2] for line in shown.splitlines()] == [
        ["3", "methodology.adopted"],
        ["5", "methodology.adopted"],
    ]
    await running.command(
        "parked", "skip", str(ORG), f"project-{poisoned}", "--reason", "written by a bad import"
    )

    async def is_caught_up() -> None:
        assert await told(running, poisoned) == [5, 1]

    await eventually(is_caught_up)
    assert await running.command("parked", "list") == ""


async def told(running: Running, project_id: UUID) -> list[int]:
    """The positions of what a project's activity tells."""
    answer = (await running.ask(f"/projects/{project_id}/activity")).json()
    return [item["position"] for item in answer["items"]]


async def test_a_program_newer_than_its_database_waits_for_the_migration_job(
    fresh_database: FreshDatabaseFactory, nats_server: NatsServer, issuer: DevelopmentIssuer
) -> None:
    async def without_activity(database: FreshDatabase) -> None:
        await migrate_timeline(database)
        connection = await asyncpg.connect(database.admin_dsn)
        await connection.execute("drop schema activity_v1 cascade")
        await connection.close()

    database = await fresh_database("older timeline", without_activity)
    program = app.program(settings_for(database, nats_server, issuer), asyncio.Event())
    starting = asyncio.create_task(program.__aenter__())
    try:
        await eventually(lambda: has_asked(database))
        assert not starting.done()
        await migrate_timeline(database)
        await asyncio.wait_for(starting, 10)
        await program.__aexit__(None, None, None)
    finally:
        starting.cancel()


async def has_asked(database: FreshDatabase) -> None:
    """Until the program has looked for the schema that is missing."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        asked = await connection.fetchval(
            "select query from pg_stat_activity where application_name = 'timeline' and datname = $1",
            database.name,
        )
    finally:
        await connection.close()
    assert asked is not None
    assert "to_regnamespace" in asked or "pg_namespace" in asked, asked

"""The real program, log, relay and NATS: told, delivered, killed and stopped; nothing is lost, nothing told twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest_asyncio

from deploy.local.ports import any_free_port
from libs.chassis.clock import utc_now
from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.migrations import ROOT
from libs.chassis.postgres import Database
from libs.events.log.keeper import Keeper, StreamSettings
from libs.events.log.log import Log
from libs.events.log.relay import Relay, RelaySettings
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.eventually import eventually
from tests.support.notifications import databases as notifications
from tests.support.notifications import receiver as receivers
from tests.support.notifications.receiver import Receiver, receiving
from tests.support.notifications.surface import SECRETS_KEY
from tests.support.projects_database import PASSWORD, RELAY, SERVICE, migrate_projects
from tests.support.recordings import ORGANIZATION, proposing
from tests.support.servers import NatsServer

PERSON = UUID(int=0xA1)
LEASE_IS_OVER_SECONDS = 61


@dataclass
class World:
    """A log whose relay runs here, a receiver, and the notifications program to be started and killed at will."""

    log: Log
    receiver: Receiver
    environment: Mapping[str, str]
    issuer: DevelopmentIssuer
    output: Path
    port: int = field(default_factory=any_free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self, **changes: str) -> None:
        with self.output.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.notifications", "serve"),
                env={**self.environment, "MILEPOST_PORT": str(self.port), **changes},
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        await eventually(self._is_ready, seconds=20)

    async def _is_ready(self) -> None:
        assert self.process is not None
        if self.process.returncode is not None:
            raise RuntimeError(self.output.read_text()[-5_000:])
        async with self.client() as client:
            try:
                ready = (await client.get("/readyz")).status_code == 200
            except httpx2.TransportError:
                ready = False
        assert ready

    async def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(10):
            return await self.process.wait()

    def client(self) -> httpx2.AsyncClient:
        token = self.issuer.mint(org_id=ORGANIZATION, actor=PERSON, org_role="owner")
        return httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers={"Authorization": f"Bearer {token}"}
        )

    async def post(self, path: str, wish: dict[str, Any]) -> dict[str, Any]:
        async with self.client() as client:
            answer = await client.post(f"/v1/notifications{path}", json=wish)
        assert answer.status_code in (200, 201, 202), answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def register(self) -> dict[str, Any]:
        made = await self.post("/webhooks", {"url": self.receiver.url()})
        self.receiver.secrets["/hooks"] = made["secret"]
        return made

    async def happens(self, count: int) -> None:
        await self.log.append([proposing() for _ in range(count)])

    async def inbox_positions(self) -> list[int]:
        async with self.client() as client:
            answer = await client.get("/v1/notifications/inbox", params={"since_position": 0, "limit": 200})
        return [item["position"] for item in answer.json()["items"]]

    async def received(self, count: int, seconds: float = 20) -> list[int]:
        """The positions in the order in which they were first received, once there are so many."""

        def enough() -> list[int]:
            first: dict[int, None] = {}
            for receipt in self.receiver.receipts:
                first.setdefault(receipt.event["position"])
            assert len(first) >= count, self.output.read_text()[-3_000:]
            return list(first)

        return await eventually(enough, seconds)


@pytest_asyncio.fixture
async def world(
    fresh_database: FreshDatabaseFactory, fresh_nats: NatsServer, tmp_path: Path
) -> AsyncIterator[World]:
    projects = await fresh_database("projects", migrate_projects)
    told = await fresh_database("notifications", notifications.migrate_notifications)
    database = await Database.connect(projects.dsn(SERVICE, PASSWORD), application_name="log")
    issuer = DevelopmentIssuer(tmp_path)
    async with receiving() as receiver:
        relaying = asyncio.create_task(relay(projects, fresh_nats).run())
        made = World(
            Log(database), receiver, environment(told, fresh_nats, issuer), issuer, tmp_path / "output"
        )
        yield made
        if made.process is not None:
            await made.end(signal.SIGKILL)
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
    await database.close()


def relay(projects: FreshDatabase, nats: NatsServer) -> Relay:
    settings = RelaySettings(projects.dsn(RELAY, PASSWORD), nats.url("relay"), timedelta(days=30))
    return Relay(settings, Keeper(nats.url("keeper"), StreamSettings()))


def environment(told: FreshDatabase, nats: NatsServer, issuer: DevelopmentIssuer) -> dict[str, str]:
    return {
        **os.environ,
        "MILEPOST_ENVIRONMENT": "test",
        "MILEPOST_DATABASE_URL": told.dsn(notifications.SERVICE, notifications.PASSWORD),
        "MILEPOST_INTERNAL_DATABASE_URL": told.dsn(notifications.INTERNAL, notifications.PASSWORD),
        "MILEPOST_NATS_URL": nats.url("notifications"),
        "MILEPOST_PROJECTS_URL": "http://127.0.0.1:1",
        "MILEPOST_SERVICE_TOKEN": "none",
        "MILEPOST_SECRETS_KEY": SECRETS_KEY,
        "MILEPOST_GRANTS_IN_TOKENS": "true",
        "MILEPOST_WEBHOOKS_ALLOW_LOOPBACK": "true",
        "MILEPOST_JWKS_FILE": str(issuer.jwks_file),
        "MILEPOST_LOG_FORMAT": "json",
    }


async def test_what_is_recorded_is_told_and_delivered_in_order(world: World) -> None:
    await world.start()
    await world.post("/subscriptions", {"kinds": ["project.*"]})
    await world.register()
    await world.happens(50)

    assert await world.received(50) == list(range(1, 51))
    assert await world.inbox_positions() == list(range(1, 51))


async def test_a_program_killed_with_attempts_in_flight_loses_nothing_and_shows_nothing_twice(
    world: World, tmp_path: Path
) -> None:
    await world.start()
    await world.post("/subscriptions", {"kinds": ["project.*"]})
    await world.register()
    world.receiver.answer = receivers.silence
    await world.happens(20)
    await world.received(1)
    await world.end(signal.SIGKILL)

    world.receiver.answer = receivers.OK
    await world.happens(20)
    (tmp_path / "notifications").write_text(str(LEASE_IS_OVER_SECONDS))
    await world.start(MILEPOST_CLOCK_OFFSETS=str(tmp_path))
    world.receiver.clock = lambda: utc_now() + timedelta(seconds=LEASE_IS_OVER_SECONDS)
    assert await world.received(40) == list(range(1, 41))
    assert await world.inbox_positions() == list(range(1, 41))
    first = [receipt.webhook_id for receipt in world.receiver.receipts if receipt.event["position"] == 1]
    assert len(first) == 2
    assert len(set(first)) == 1


async def test_killed_again_and_again_it_tells_everything_once(world: World) -> None:
    await world.start()
    await world.post("/subscriptions", {"kinds": ["project.*"]})
    for _ in range(3):
        await world.happens(40)
        await world.end(signal.SIGKILL)
        await world.start()

    async def all_told() -> None:
        positions = await world.inbox_positions()
        assert positions == list(range(1, 121))[: len(positions)]
        assert len(positions) == 120

    await eventually(all_told, seconds=20)


async def test_it_stops_in_order_within_five_seconds_although_a_receiver_is_silent(world: World) -> None:
    await world.start()
    await world.register()
    world.receiver.answer = receivers.silence
    await world.happens(3)
    await world.received(1)

    async with asyncio.timeout(5):
        assert await world.end(signal.SIGTERM) == 0

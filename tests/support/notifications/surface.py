"""The HTTP surface of notifications in this process, and clients of it with whatever roles a test needs."""

import asyncio
import base64
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx2
from pydantic import SecretStr

from libs.chassis.clock import Clock, utc_now
from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.freshness import Progress
from libs.chassis.postgres import Database
from libs.chassis.settings import Environment
from services.notifications import app
from services.notifications.channels.webhooks.signing import Sealer, read_keys
from services.notifications.settings import Settings
from tests.support.notifications.events import ORGANIZATION, PROJECT
from tests.support.notifications.world import World, comment

PERSON = UUID(int=0xA1)
SOMEBODY_ELSE = UUID(int=0xA2)
VIEWING = {PROJECT: "viewer"}
SECRETS_KEY = "test:" + base64.b64encode(bytes(32)).decode()


def settings(
    issuer: DevelopmentIssuer,
    database_url: str = "postgresql://nobody@localhost/none",
    webhooks_challenged: bool = False,
) -> Settings:
    return Settings(
        environment=Environment.TEST,
        database_url=SecretStr(database_url),
        internal_database_url=SecretStr(database_url),
        nats_url=SecretStr("nats://nobody"),
        projects_url="http://127.0.0.1:1",
        service_token=SecretStr("none"),
        secrets_key=SecretStr(SECRETS_KEY),
        jwks_file=issuer.jwks_file,
        grants_in_tokens=True,
        webhooks_allow_loopback=True,
        webhooks_challenged=webhooks_challenged,
        webhooks_endpoints_max=5,
        log_level="error",
    )


@dataclass
class Service:
    """`client(...)` is somebody's HTTP client; `progress` is how far the service has told.

    Webhooks need to prove themselves only where they are `challenged`.
    """

    database: Database
    issuer: DevelopmentIssuer
    progress: Progress
    clock: Clock = utc_now
    challenged: bool = False

    def __post_init__(self) -> None:
        self.sealer = Sealer(read_keys(SECRETS_KEY))
        told = settings(self.issuer, webhooks_challenged=self.challenged)
        self.app = app.http(told, self.database, self.progress, self.sealer, asyncio.Event(), self.clock)

    def client(
        self,
        person_id: UUID,
        *,
        org_id: UUID = ORGANIZATION,
        org_role: str | None = None,
        projects: Mapping[UUID, str] | None = None,
    ) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
        token = self.issuer.mint(
            org_id=org_id, actor=person_id, org_role=org_role, project_roles=projects or {}
        )
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://notifications.test/v1/notifications",
            headers={"Authorization": f"Bearer {token}"},
        )


def issuer_in(directory: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer(directory)


async def commented(world: World, service: Service, **changes: object) -> str:
    """A comment is recorded and told; returns the id of its event."""
    event = comment(world, **changes)
    await world.tell(event)
    service.progress.advance(event.envelope.position)
    return str(event.envelope.event_id)

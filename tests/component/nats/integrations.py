"""Organizations with API keys in a directory filled by hand, and the real loop that admits them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import nats

from deploy.local.nats import EmbeddedNats
from libs.access.api_keys import KeyText, hash_of, new_secret
from libs.access.directory import Grants, IssuedKey
from libs.chassis.identity import KeyScope
from libs.events.jetstream import IMPORTED_API
from services.projects.admission.admitting import Admitting
from services.projects.admission.durables import name_of
from services.projects.admission.issuing import Issuer
from tests.component.nats.visiting import Visitor

ORG, OTHER_ORG = uuid4(), uuid4()
PROJECT, OTHER_PROJECT = uuid4(), uuid4()
REFUSED = b"-ERR 'Authorization Violation'"


@dataclass
class KnownKeys:
    """The keys there are: changed by hand, as commands would. `used` are those that were let in."""

    keys: dict[tuple[UUID, UUID], IssuedKey] = field(default_factory=dict)
    used: set[tuple[UUID, UUID]] = field(default_factory=set)

    async def person(self, org_id: UUID, person_id: UUID) -> Grants | None:
        return None

    async def api_key(self, org_id: UUID, api_key_id: UUID) -> IssuedKey | None:
        return self.keys.get((org_id, api_key_id))

    def note_use(self, org_id: UUID, api_key_id: UUID, used_at: datetime) -> None:
        self.used.add((org_id, api_key_id))

    def issue(
        self,
        *projects: UUID,
        org_id: UUID = ORG,
        actions: tuple[str, ...] = ("read",),
        expires_at: datetime | None = None,
    ) -> KeyText:
        """A key for these projects, or for the whole organization."""
        key = KeyText(org_id, uuid4(), new_secret())
        scope = KeyScope(frozenset(actions), frozenset(projects) or None)
        self.keys[org_id, key.api_key_id] = IssuedKey(scope, hash_of(key.secret), expires_at)
        return key

    def revoke(self, key: KeyText) -> None:
        del self.keys[key.org_id, key.api_key_id]


def durable_of(key: KeyText) -> str:
    return name_of(key.org_id, key.api_key_id)


def subject(project: UUID | None = PROJECT, org_id: UUID = ORG, event: str = "milestone.planned") -> str:
    return f"milepost.{org_id}.{project or '_'}.{event}"


async def publish(visitors: dict[str, Visitor], *subjects: str) -> None:
    """As the relay does, one event after the other."""
    for name in subjects:
        await visitors["relay"].client.request(name, b"{}", timeout=2)


async def heard(visitor: Visitor, events: int) -> list[str]:
    """The subjects of the next events that its durable has for an integration."""
    return [message.subject for message in await visitor.pull(visitor.user, events)]


@asynccontextmanager
async def admitting(server: EmbeddedNats, directory: KnownKeys) -> AsyncIterator[None]:
    """The loop while the block lasts, looking at the durables all the time."""
    issuer = Issuer(server.issuer.seed)
    loop = Admitting(server.url("admission"), issuer, directory, directory.note_use, keep_seconds=0.1)
    running = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def greeting(server: EmbeddedNats, **login: str) -> bytes:
    """What the server says to whoever logs in so: `PONG` where it let them in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"CONNECT " + json.dumps({"verbose": False, **login}).encode() + b"\r\nPING\r\n")
    await reader.readline()
    # Whoever waits long for an answer is asked meanwhile whether they still live.
    while (answer := await reader.readline()).strip() == b"PING":
        writer.write(b"PONG\r\n")
    writer.close()
    await writer.wait_closed()
    return answer.strip()


async def is_admitted(server: EmbeddedNats, key: KeyText) -> None:
    assert await greeting(server, auth_token=str(key)) == b"PONG"


async def is_refused(server: EmbeddedNats, key: KeyText) -> None:
    assert await greeting(server, auth_token=str(key)) == REFUSED


async def integrate(server: EmbeddedNats, key: KeyText, **options: Any) -> Visitor:
    """An integration that connected with its key as a password; raises what the client raises."""
    refusals: list[str] = []

    async def note(error: Exception) -> None:
        refusals.append(str(error))

    durable = durable_of(key)
    client = await nats.connect(
        options.pop("address", f"nats://127.0.0.1:{server.port}"),
        inbox_prefix=f"_INBOX_{durable}".encode(),
        allow_reconnect=False,
        connect_timeout=4,
        error_cb=note,
        **(options or {"user": "integration", "password": str(key)}),
    )
    return Visitor(durable, client, IMPORTED_API, refusals)

"""An integration's life with a real API key: issued over HTTP, let into NATS, cut off when it is revoked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client

from deploy.local.stack import Stack
from libs.events.jetstream import IMPORTED_API
from tests.end_to_end.people import Person
from tests.support.eventually import eventually

# Found again at most every five seconds, by a service that other tests keep busy.
CUT_OFF_SECONDS_MAX = 30


@asynccontextmanager
async def connected(stack: Stack, key: str) -> AsyncIterator[Client]:
    """Connected as docs/operating.md tells integrations to."""
    server = urlsplit(stack.nats.url("relay"))
    client = await nats.connect(
        f"nats://{server.hostname}:{server.port}",
        token=key,
        inbox_prefix=f"_INBOX_{key.split('_')[1]}".encode(),
        allow_reconnect=False,
    )
    try:
        yield client
    finally:
        await client.close()


async def fetched(client: Client, key: str, events: int) -> list[tuple[int, str]]:
    """Stream sequence and subject of the next events."""
    durable = key.split("_")[1]
    pull = await client.jetstream(domain="milepost").pull_subscribe_bind(durable, "PROJECTS")
    found: list[tuple[int, str]] = []
    while len(found) < events:
        for message in await pull.fetch(events - len(found), timeout=10):
            await message.ack()
            found.append((message.metadata.sequence.stream, message.subject.split(".", 3)[3]))
    return found


async def found(stack: Stack, owner: Person) -> None:
    """Only an organization that was founded has keys."""
    founding = ("found", str(owner.org_id), "--name", "Example", "--owner", str(owner.actor))
    assert await asyncio.to_thread(stack.call, "projects", "organization", *founding) == 0


async def issued(owner: Person, **wish: Any) -> dict[str, Any]:
    return await owner.says("api-keys", name="Reader", scopes=["read"], **wish)


async def test_an_integration_hears_its_project_until_its_key_is_revoked(
    end_to_end: Stack, owner: Person
) -> None:
    await found(end_to_end, owner)
    project = await owner.says("projects", name="Seen")
    await owner.says("projects", name="Not seen")
    issuing = await issued(owner, project_ids=[project["project_id"]])
    key = issuing["secret"]
    async with connected(end_to_end, key) as client:
        await fetched(client, key, 2)
        planned = {"project_id": project["project_id"], "name": "Roof", "target_on": "2027-01-31"}
        await owner.says("milestones", **planned)
        # The position is the sequence of the stream.
        assert await fetched(client, key, 1) == [(owner.position, "milestone.planned")]
        await owner.says(f"api-keys/{issuing['api_key_id']}/revoke")

        async def is_cut_off() -> None:
            asking = f"{IMPORTED_API}.CONSUMER.INFO.PROJECTS.{key.split('_')[1]}"
            assert b"consumer not found" in (await client.request(asking, timeout=5)).data

        await eventually(is_cut_off, seconds=CUT_OFF_SECONDS_MAX)


async def test_a_key_of_the_organization_never_hears_of_keys(end_to_end: Stack, owner: Person) -> None:
    await found(end_to_end, owner)
    await owner.says("projects", name="One")
    key = (await issued(owner))["secret"]
    await owner.says("projects", name="Two")
    async with connected(end_to_end, key) as client:
        subjects = {subject for _, subject in await fetched(client, key, 4)}
        assert subjects == {"project.proposed", "project-member.joined"}
        info = await client.jetstream(domain="milepost").consumer_info("PROJECTS", key.split("_")[1])
        assert info.num_pending == 0

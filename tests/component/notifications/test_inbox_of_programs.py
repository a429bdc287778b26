"""A program reads its inbox with its key, and finds in it nothing that is hidden from it elsewhere."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio
from httpx2 import AsyncClient

from libs.access import api_keys
from libs.access.api_keys import KeyText
from libs.access.projecting import AccessHandler
from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRotated,
    OrganizationFounded,
    OrganizationPolicyAdopted,
    Scope,
)
from libs.events.envelope import EventData
from tests.support.notifications.events import ORGANIZATION
from tests.support.notifications.surface import PERSON, Service, commented
from tests.support.notifications.world import World

KEY = KeyText(ORGANIZATION, UUID(int=0xE1), api_keys.new_secret())
WISH = {"kinds": ["api_key.*", "organization.*", "issue.*"]}


@pytest_asyncio.fixture
async def program(world: World, service: Service) -> AsyncIterator[AsyncClient]:
    """A program that may read everything but who may do what."""
    await happened(world, OrganizationFounded(name="Apollo"), f"organization-{ORGANIZATION}")
    issued = ApiKeyIssued(name="Reports", secret_hash=api_keys.hash_of(KEY.secret), scopes=(Scope.READ,))
    await happened(world, issued, f"api_key-{KEY.api_key_id}")
    async with service.client(PERSON) as client:
        client.headers["authorization"] = f"Bearer {KEY}"
        yield client


async def happened(world: World, data: EventData, stream: str) -> str:
    event = world.happened(data, project_id=None, stream=stream)
    await world.tell(event)
    async with world.database.transaction() as connection:
        await AccessHandler().apply(connection, [event])
    return str(event.envelope.event_id)


async def test_what_concerns_keys_is_in_the_inbox_of_auditors_and_of_no_program(
    world: World, service: Service, program: AsyncClient
) -> None:
    another_key = f"api_key-{UUID(int=0xE2)}"
    async with service.client(PERSON, org_role="auditor") as auditor:
        for client in (program, auditor):
            assert (await client.post("/subscriptions", json=WISH)).status_code == 201
        hidden = await happened(world, ApiKeyRotated(secret_hash="01"), another_key)
        policy = OrganizationPolicyAdopted(requires_if_match=False)
        seen = [
            await happened(world, policy, f"organization-{ORGANIZATION}"),
            await commented(world, service),
        ]

        assert await shown(auditor) == {hidden, *seen}
        assert await shown(program) == set(seen)
    assert (await program.get(f"/inbox/{hidden}")).status_code == 404
    assert (await program.get("/inbox/unread-count")).json()["unread"] == 2
    assert (await program.post(f"/inbox/{hidden}/mark-read")).status_code == 404
    named = await program.post("/inbox/mark-read", json={"event_ids": [hidden, seen[0]]})
    assert named.json()["marked"] == 1
    rest = await program.post("/inbox/mark-read", json={"up_to_position": world.position})
    assert rest.json()["marked"] == 1


async def shown(client: AsyncClient) -> set[str]:
    return {item["event_id"] for item in (await client.get("/inbox")).json()["items"]}

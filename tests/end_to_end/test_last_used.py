"""When a key was last used is shown by projects, whichever of the four doors it opened."""

from datetime import UTC, datetime

import httpx2

from deploy.local.stack import Stack
from tests.end_to_end.people import Person
from tests.end_to_end.test_integrations_over_nats import connected, found, issued
from tests.support.eventually import eventually

DOORS = {
    "projects": "/v1/events",
    "timeline": "/v1/timeline/projects",
    "notifications": "/v1/notifications/kinds",
}
# A second or two, by services that other tests keep busy.
SEEN_SECONDS_MAX = 30


async def opens(door: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=20, trust_env=False) as program:
        assert (await program.get(door)).status_code == 200


async def last_used_at(owner: Person, key: str) -> datetime | None:
    """As projects shows it to the owner of the organization."""
    shown = (await owner.projects.get(f"/v1/api-keys/{key}")).json()["last_used_at"]
    return None if shown is None else datetime.fromisoformat(shown)


async def test_a_key_is_seen_to_be_used_through_whichever_door_it_opens(
    end_to_end: Stack, owner: Person
) -> None:
    await found(end_to_end, owner)
    keys = {door: await issued(owner) for door in (*DOORS, "nats", "none")}
    before = datetime.now(UTC)
    for service, path in DOORS.items():
        url, secret = end_to_end.url(service) + path, keys[service]["secret"]

        async def is_let_in(url: str = url, secret: str = secret) -> None:
            await opens(url, secret)

        await eventually(is_let_in, seconds=SEEN_SECONDS_MAX)
    async with connected(end_to_end, keys["nats"]["secret"]):
        pass

    async def are_seen() -> None:
        for door in (*DOORS, "nats"):
            used_at = await last_used_at(owner, keys[door]["api_key_id"])
            assert used_at is not None, door
            assert before <= used_at <= datetime.now(UTC)

    await eventually(are_seen, seconds=SEEN_SECONDS_MAX)
    assert await last_used_at(owner, keys["none"]["api_key_id"]) is None

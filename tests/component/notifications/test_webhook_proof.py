"""A webhook is told nothing before its receiver has echoed a challenge (T12)."""

from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from libs.chassis.freshness import Progress
from services.notifications.channels.webhooks.proving import CHALLENGES_A_MINUTE_MAX, is_echoed
from services.notifications.channels.webhooks.recording import Recorded
from tests.support.notifications import receiver as receivers
from tests.support.notifications.receiver import is_signed
from tests.support.notifications.surface import Service, commented
from tests.support.notifications.world import World, comment


@pytest.fixture
def service(world: World, service: Service) -> Service:
    """The service as in production: webhooks are challenged."""
    return Service(world.serving, service.issuer, Progress(), world.clock, challenged=True)


@pytest_asyncio.fixture
async def registered(world: World, owner: AsyncClient) -> dict[str, Any]:
    answer = await owner.post("/webhooks", json={"url": world.receiver.url()})
    assert (answer.status_code, answer.json()["state"], answer.json()["verified_at"]) == (
        201,
        "unverified",
        None,
    )
    made: dict[str, Any] = answer.json()
    world.receiver.secrets["/hooks"] = made["secret"]
    return made


async def shown(owner: AsyncClient, registered: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await owner.get(f"/webhooks/{registered['endpoint_id']}")).json()
    return found


async def test_a_receiver_that_echoes_a_signed_challenge_is_told_what_happened_meanwhile(
    world: World, service: Service, owner: AsyncClient, registered: dict[str, Any]
) -> None:
    event_id = await commented(world, service)
    assert await world.deliver() == [Recorded.DELIVERED, Recorded.DELIVERED]

    (challenge,) = world.receiver.challenges
    assert is_signed(registered["secret"], challenge.headers, challenge.body, world.clock())
    assert challenge.event["type"] == "webhook.verification"
    assert world.receiver.ids() == [event_id]
    found = await shown(owner, registered)
    assert (found["state"], found["version"]) == ("active", 2)
    assert found["verified_at"] is not None


async def test_a_receiver_that_accepts_everything_and_echoes_nothing_is_told_nothing(
    world: World, service: Service, owner: AsyncClient, registered: dict[str, Any]
) -> None:
    world.receiver.proves_itself = False
    await commented(world, service)
    for seconds in (0, 6, 400, 40_000):
        world.clock.move(seconds=seconds)
        await world.deliver()

    assert (len(world.receiver.challenges), world.receiver.receipts) == (3, [])
    assert (await shown(owner, registered))["state"] == "unverified"
    path = f"/webhooks/{registered['endpoint_id']}"
    deliveries = (await owner.get(f"{path}/deliveries", params={"state": "parked"})).json()["items"]
    assert [each["type"] for each in deliveries] == ["webhook.verification"]
    tried = (await owner.get(f"{path}/deliveries/{deliveries[0]['event_id']}")).json()["tried"]
    assert [attempt["outcome"] for attempt in tried] == ["unproved"] * 3
    assert (await owner.post(f"{path}/test")).status_code == 409
    assert (await owner.get(f"{path}/health")).json()["failures_in_row"] == 0

    world.receiver.proves_itself = True
    assert (await owner.post(f"{path}/verify")).status_code == 202
    await world.deliver()
    assert len(world.receiver.receipts) == 1


@pytest.mark.parametrize("command", ["pause", "resume"])
async def test_nothing_but_an_echo_makes_a_webhook_active(
    world: World, service: Service, owner: AsyncClient, registered: dict[str, Any], command: str
) -> None:
    world.receiver.proves_itself = False
    await world.deliver()
    path = f"/webhooks/{registered['endpoint_id']}"
    event_id = await commented(world, service)
    await owner.post(f"{path}/{command}")
    assert (await owner.post(f"{path}/resume")).json()["state"] == "unverified"
    await owner.post(f"{path}/resend", json={"since_position": 0})
    await owner.post(f"{path}/deliveries/{event_id}/resend")
    await owner.post(f"{path}/rotate-secret")
    await world.deliver()

    assert world.receiver.receipts == []


async def test_at_another_url_it_has_to_prove_itself_again(
    world: World, service: Service, owner: AsyncClient, registered: dict[str, Any]
) -> None:
    await world.deliver()
    path = f"/webhooks/{registered['endpoint_id']}"
    same = await owner.post(f"{path}/revise", json={"url": world.receiver.url(), "kinds": ["issue.*"]})
    assert same.json()["state"] == "active"

    world.receiver.proves_itself = False
    moved = await owner.post(f"{path}/revise", json={"url": world.receiver.url("/elsewhere")})
    assert moved.json()["state"] == "unverified"
    await commented(world, service)
    await world.deliver()
    assert world.receiver.receipts == []
    assert [receipt.path for receipt in world.receiver.challenges] == ["/hooks", "/elsewhere"]


async def test_an_echo_from_where_it_was_proves_nothing_about_where_it_is(
    world: World, owner: AsyncClient, registered: dict[str, Any]
) -> None:
    (claim,) = await world.delivering.claim()
    await owner.post(
        f"/webhooks/{registered['endpoint_id']}/revise", json={"url": world.receiver.url("/elsewhere")}
    )
    await world.delivering.deliver(claim)

    assert [receipt.path for receipt in world.receiver.challenges] == ["/hooks"]
    assert (await shown(owner, registered))["state"] == "unverified"


async def test_an_organization_cannot_use_challenges_to_bother_somebody(
    world: World, owner: AsyncClient, registered: dict[str, Any]
) -> None:
    path = f"/webhooks/{registered['endpoint_id']}"
    answers = [await owner.post(f"{path}/verify") for _ in range(CHALLENGES_A_MINUTE_MAX)]

    assert [answer.status_code for answer in answers] == [202] * (CHALLENGES_A_MINUTE_MAX - 1) + [429]
    moved = await owner.post(f"{path}/revise", json={"url": world.receiver.url("/elsewhere")})
    assert moved.status_code == 429
    assert (await shown(owner, registered))["url"] == registered["url"]


@pytest.mark.parametrize(
    ("answer", "is_proof"),
    [
        ("wanted", True), (" wanted\n", True), ('{"challenge": "wanted"}', True),
        ('{"challenge":"wanted","ok":1}', True),
        ("", False), ("WANTED", False), ("wanted wanted", False), ('"wanted"', False), ("{", False), ("{}", False),
        ('{"challenge": ["wanted"]}', False), ('{"data": {"challenge": "wanted"}}', False), ("é", False),
        ('{"challenge": null}', False), ("{" * 2_000, False), ('["wanted"]', False),
    ],
)  # fmt: skip
def test_an_echo_is_the_challenge_and_nothing_else(answer: str, is_proof: bool) -> None:
    assert is_echoed("wanted", answer) is is_proof


async def test_a_server_that_reflects_whole_requests_has_proved_nothing(
    world: World, owner: AsyncClient, registered: dict[str, Any]
) -> None:
    world.receiver.proves_itself = False
    await world.deliver()
    (challenge,) = world.receiver.challenges
    world.receiver.answer = receivers.status(200, challenge.body)
    world.clock.move(seconds=6)
    await world.deliver()

    assert len(world.receiver.challenges) == 2
    assert (await shown(owner, registered))["state"] == "unverified"


async def test_webhooks_stay_in_the_trace_of_what_they_tell(world: World) -> None:
    await world.register()
    trace = "0af7651916cd43dd8448eb211c80319c"
    await world.tell(comment(world, traceparent=f"00-{trace}-b7ad6b7169203331-01"))
    await world.tell(comment(world, traceparent="no trace\r\nX-Injected: 1"))
    await world.deliver()

    first, second = (receipt.headers["traceparent"] for receipt in world.receiver.receipts)
    assert first[3:35] == trace
    assert first[36:52] != "b7ad6b7169203331"
    assert len(second) == 55

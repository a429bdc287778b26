"""What happens reaches those who asked: an inbox, and a signed webhook at a real receiver, each event once."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from standardwebhooks import Webhook

from deploy.local.stack import Stack
from tests.end_to_end.people import Person, somebody
from tests.support.eventually import eventually
from tests.support.notifications.receiver import Receiver, receiving, status


@pytest_asyncio.fixture
async def colleague(end_to_end: Stack, owner: Person) -> AsyncIterator[Person]:
    """Somebody else who may see everything in the owner's organization."""
    async with somebody(end_to_end, org_id=owner.org_id, org_role="admin") as person:
        yield person


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture
async def project_id(owner: Person) -> str:
    found: str = (await owner.says("projects", name="Moving house"))["project_id"]
    return found


async def happens(owner: Person, project_id: str) -> list[str]:
    """Three events about a milestone, as their types."""
    milestone_id = str(uuid4())
    await owner.says("milestones", project_id=project_id, milestone_id=milestone_id, name="Power is on")
    await owner.says(f"milestones/{milestone_id}/commit", baseline_on="2026-06-01")
    await owner.says(f"milestones/{milestone_id}/reforecast", forecast_on="2026-07-01", reason="No cable.")
    return ["milestone.planned", "milestone.committed", "milestone.reforecast", "milestone.reforecast"]


async def test_a_subscriber_finds_everything_once_in_the_inbox(
    owner: Person, colleague: Person, project_id: str
) -> None:
    # From here on, however far notifications has come with what was before.
    await colleague.wishes("subscriptions", project_id=project_id, since_position=owner.position)
    await colleague.wishes("subscriptions", kinds=["milestone.*"])
    await owner.wishes("subscriptions", project_id=project_id)
    types = await happens(owner, project_id)

    colleague.position = owner.position
    inbox = await colleague.hears("inbox", since_position=0)
    assert [item["type"] for item in inbox["items"]] == types
    assert all(len(item["subscription_ids"]) == 2 for item in inbox["items"])
    assert "Power is on" in inbox["items"][-1]["sentence"]
    assert (await owner.hears("inbox"))["items"] == [], "one's own actions are muted"

    assert (await colleague.hears("inbox/unread-count"))["unread"] == len(types)
    first = inbox["items"][0]
    await colleague.wishes(f"inbox/{first['event_id']}/mark-read")
    unread = await colleague.hears("inbox", unread=True, since_position=0)
    assert [item["position"] for item in unread["items"]] == [item["position"] for item in inbox["items"][1:]]
    await colleague.wishes("inbox/mark-read", up_to_position=owner.position)
    assert (await colleague.hears("inbox/unread-count"))["unread"] == 0


async def registered(owner: Person, receiver: Receiver, path: str) -> dict[str, Any]:
    webhook = await owner.wishes("webhooks", url=receiver.url(path), kinds=["milestone.*"])
    receiver.secrets[path] = webhook["secret"]
    return webhook


async def received(receiver: Receiver, count: int) -> None:
    def so_many() -> None:
        assert len(receiver.receipts) >= count

    await eventually(so_many, seconds=30)


async def test_a_webhook_gets_signed_events_in_order(
    owner: Person, receiver: Receiver, project_id: str
) -> None:
    webhook = await registered(owner, receiver, "/hooks")
    types = await happens(owner, project_id)
    await received(receiver, len(types))

    assert [receipt.event["type"] for receipt in receiver.receipts] == types
    positions = [receipt.event["position"] for receipt in receiver.receipts]
    assert positions == sorted(positions)
    assert positions[-1] == owner.position
    for receipt in receiver.receipts:
        Webhook(webhook["secret"]).verify(receipt.body, receipt.headers)
        assert receipt.webhook_id == receipt.event["id"]


async def test_what_was_sent_can_be_seen_and_sent_again(
    owner: Person, receiver: Receiver, project_id: str
) -> None:
    webhook = await registered(owner, receiver, "/again")
    types = await happens(owner, project_id)
    await received(receiver, len(types))
    deliveries = f"webhooks/{webhook['endpoint_id']}/deliveries"

    async def all_delivered() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await owner.looks_up(deliveries))["items"]
        *told, challenge = found
        assert (challenge["type"], challenge["state"]) == ("webhook.verification", "delivered")
        assert [each["state"] for each in told] == ["delivered"] * len(types)
        return told

    newest = (await eventually(all_delivered))[0]
    await owner.wishes(f"{deliveries}/{newest['event_id']}/resend")
    await received(receiver, len(types) + 1)
    assert receiver.receipts[-1].webhook_id == newest["event_id"]


async def test_a_receiver_that_fails_gets_the_same_event_again(
    owner: Person, receiver: Receiver, project_id: str
) -> None:
    receiver.answer = status(500)
    webhook = await registered(owner, receiver, "/failing")
    await happens(owner, project_id)
    await received(receiver, 1)
    receiver.answer = status(204)
    await received(receiver, 5)
    first, second = receiver.receipts[:2]
    assert first.webhook_id == second.webhook_id
    Webhook(webhook["secret"]).verify(second.body, second.headers)
    assert len(receiver.first_receipts("/failing")) == 4

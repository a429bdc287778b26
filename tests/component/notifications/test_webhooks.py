"""Webhooks reach a real receiver: signed, in order, at least once, and again when somebody asks."""

import asyncio
from datetime import timedelta

import pytest

from services.notifications.channels.webhooks import delivery_log, endpoints
from services.notifications.channels.webhooks.recording import Recorded
from tests.support.notifications import receiver as receivers
from tests.support.notifications.events import ACTOR, ORGANIZATION
from tests.support.notifications.world import World, comment, ids_of

HOURS = 3_600
WAITS = (0, 5, 300, 1_800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS)


async def test_a_matching_event_arrives_as_a_signed_cloud_event(world: World) -> None:
    await world.register()
    event = comment(world)
    await world.tell(event)

    assert await world.deliver() == [Recorded.DELIVERED]
    (receipt,) = world.receiver.receipts
    assert receipt.webhook_id == str(event.envelope.event_id)
    assert receipt.event["id"] == str(event.envelope.event_id)
    assert receipt.event["position"] == 1
    assert receipt.headers["content-type"] == "application/cloudevents+json"


async def test_what_was_delivered_is_not_sent_again(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    await world.deliver()
    world.clock.move(days=7)

    assert await world.deliver() == []
    assert len(world.receiver.receipts) == 1


async def test_each_endpoint_gets_its_events_in_the_order_of_the_log(world: World) -> None:
    await world.register("/one")
    await world.register("/two")
    events = [comment(world) for _ in range(20)]
    await world.tell(*events[:7])
    await world.tell(*events[7:])

    await world.deliver()

    assert world.receiver.ids("/one") == world.receiver.ids("/two") == ids_of(*events)


async def test_every_attempt_is_signed_anew(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    world.receiver.answer = receivers.status(503)
    await world.deliver()
    world.clock.move(seconds=5)
    world.receiver.answer = receivers.OK
    await world.deliver()

    first, second = world.receiver.receipts
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 5
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (receivers.status(500), "refused"),
        (receivers.status(404), "refused"),
        (receivers.status(302, location="http://127.0.0.1/elsewhere"), "redirected"),
        (receivers.status(307, location="/elsewhere"), "redirected"),
        (receivers.silence, "timed_out"),
        (receivers.drip, "timed_out"),
        (receivers.hang_up, "unreachable"),
    ],
    ids=["500", "404", "302", "307", "silence", "drip", "hang_up"],
)
async def test_whatever_a_receiver_does_wrong_is_a_failure_that_is_tried_again(
    world: World, answer: receivers.Answer, outcome: str
) -> None:
    endpoint = await world.register()
    event = comment(world)
    await world.tell(event)
    world.receiver.answer = answer

    async with asyncio.timeout(5):
        assert await world.deliver() == [Recorded.RETRIED]
    world.receiver.answer = receivers.OK
    world.clock.move(seconds=5)
    assert await world.deliver() == [Recorded.DELIVERED]
    assert world.receiver.ids() == ids_of(event) * 2
    found = await delivery_log.DeliveryLog(world.organizations).one(endpoint, event.envelope.event_id)
    assert found is not None
    assert [attempt.outcome for attempt in found[1]] == ["delivered", outcome]


async def test_an_answer_is_read_up_to_a_limit_and_an_excerpt_of_it_kept(world: World) -> None:
    endpoint = await world.register()
    event = comment(world)
    await world.tell(event)
    world.receiver.answer = receivers.flood

    assert await world.deliver() == [Recorded.DELIVERED]
    found = await delivery_log.DeliveryLog(world.organizations).one(endpoint, event.envelope.event_id)
    assert found is not None
    assert found[1][0].excerpt == "x" * 1_024


async def test_an_excerpt_is_fit_to_be_stored_and_shown_whatever_the_receiver_sends(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    world.receiver.answer = receivers.status(500, b"\x00\xff\x1b[31m\xe2\x80\xae!")

    assert await world.deliver() == [Recorded.RETRIED]


async def test_a_paused_endpoint_gets_nothing_and_everything_when_it_is_resumed(world: World) -> None:
    endpoint = await world.register()
    async with world.database.transaction() as connection:
        paused = await endpoints.pause(connection, endpoint, world.clock())
    events = [comment(world), comment(world)]
    await world.tell(*events)
    assert await world.deliver() == []

    async with world.database.transaction() as connection:
        await endpoints.resume(connection, paused, world.clock())
    await world.deliver()
    assert world.receiver.ids() == ids_of(*events)


async def test_a_delivery_is_sent_again_when_somebody_asks_with_the_same_webhook_id(world: World) -> None:
    endpoint = await world.register()
    first, second = comment(world), comment(world)
    await world.tell(first, second)
    await world.deliver()

    async with world.database.transaction() as connection:
        await delivery_log.resend(connection, endpoint, first.envelope.event_id, world.clock())
    await world.deliver()
    assert world.receiver.ids() == ids_of(first, second, first)


async def test_everything_since_a_position_is_sent_again_in_order(world: World) -> None:
    endpoint = await world.register()
    events = [comment(world) for _ in range(5)]
    await world.tell(*events)
    await world.deliver()

    async with world.database.transaction() as connection:
        count = await delivery_log.resend_since(connection, endpoint, 2, world.clock())
    await world.deliver()
    assert count == 3
    assert world.receiver.ids()[5:] == ids_of(*events[2:])


async def test_a_test_is_sent_once_beside_the_line_and_harms_nothing(world: World) -> None:
    endpoint = await world.register()
    world.receiver.answer = receivers.status(500)
    async with world.database.transaction() as connection:
        test = await delivery_log.send_test(
            connection, ORGANIZATION, endpoint.endpoint_id, ACTOR, world.clock()
        )
    assert await world.deliver() == [Recorded.PARKED]
    world.clock.move(days=1)
    assert await world.deliver() == []
    assert world.receiver.ids() == [str(test.event_id)]
    assert world.receiver.receipts[0].event["type"] == "webhook.tested"
    found = await endpoints.Endpoints(world.organizations).one(ORGANIZATION, endpoint.endpoint_id)
    assert found is not None
    assert found.failures_in_row == 0


async def test_a_secret_that_is_rotated_signs_beside_the_new_one_until_the_overlap_ends(world: World) -> None:
    endpoint = await world.register()
    async with world.database.transaction() as connection:
        rotated = await endpoints.rotate_secret(
            connection, world.sealer, endpoint, timedelta(minutes=4), world.clock()
        )
    await world.tell(comment(world))
    assert await world.deliver() == [Recorded.DELIVERED]

    world.receiver.secrets["/hooks"] = rotated.secret
    await world.tell(comment(world))
    assert await world.deliver() == [Recorded.DELIVERED]
    assert len(world.receiver.receipts[-1].headers["webhook-signature"].split()) == 2

    world.clock.move(minutes=4)
    await world.tell(comment(world))
    assert await world.deliver() == [Recorded.DELIVERED]
    assert len(world.receiver.receipts[-1].headers["webhook-signature"].split()) == 1

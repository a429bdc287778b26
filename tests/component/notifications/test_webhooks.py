"""Webhooks reach a real receiver: at least once, in order, signed, and patiently."""

import asyncio
from uuid import UUID

import pytest

from libs.events.envelope import Event
from libs.events.raid import IssueCommentedOn
from services.notifications.channels.webhooks import delivery_log, endpoints
from services.notifications.channels.webhooks.recording import Recorded
from services.notifications.channels.webhooks.retrying import RetryPolicy
from tests.component.notifications.conftest import World
from tests.support.notifications import receiver as receivers
from tests.support.notifications.events import ACTOR, ISSUE, ORGANIZATION

HOURS = 3_600
WAITS = (0, 5, 300, 1_800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS)


def comment(world: World, text: str = "hello") -> Event:
    return world.happened(IssueCommentedOn(comment_id=ISSUE, text=text))


def ids_of(*events: Event) -> list[str]:
    return [str(event.envelope.event_id) for event in events]


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


async def test_the_retry_schedule_is_followed_with_the_same_webhook_id(world: World) -> None:
    await world.register()
    event = comment(world)
    await world.tell(event)
    world.receiver.answer = receivers.status(500)

    outcomes = []
    for wait in WAITS:
        if wait:
            world.clock.move(seconds=wait - 1)
            assert await world.deliver() == []
            world.clock.move(seconds=1)
        outcomes += await world.deliver()

    assert outcomes == [Recorded.RETRIED] * 7 + [Recorded.PARKED]
    assert world.receiver.ids() == ids_of(event) * 8
    assert await world.states() == [(1, "parked", "side", 8)]


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
    found = await delivery_log.DeliveryLog(world.database).one(
        ORGANIZATION, endpoint.endpoint_id, event.envelope.event_id
    )
    assert found is not None
    assert [attempt.outcome for attempt in found[1]] == ["delivered", outcome]


async def test_an_answer_is_read_up_to_a_limit_and_an_excerpt_of_it_kept(world: World) -> None:
    endpoint = await world.register()
    event = comment(world)
    await world.tell(event)
    world.receiver.answer = receivers.flood

    assert await world.deliver() == [Recorded.DELIVERED]
    found = await delivery_log.DeliveryLog(world.database).one(
        ORGANIZATION, endpoint.endpoint_id, event.envelope.event_id
    )
    assert found is not None
    assert found[1][0].excerpt == "x" * 1_024


async def test_an_excerpt_is_fit_to_be_stored_and_shown_whatever_the_receiver_sends(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    world.receiver.answer = receivers.status(500, b"\x00\xff\x1b[31m\xe2\x80\xae!")

    assert await world.deliver() == [Recorded.RETRIED]


async def test_a_receiver_that_is_gone_disables_its_endpoint(world: World) -> None:
    endpoint = await world.register()
    await world.tell(comment(world), comment(world))
    world.receiver.answer = receivers.status(410)

    await world.deliver()
    world.clock.move(days=1)
    assert await world.deliver() == []
    found = await endpoints.Endpoints(world.database).one(ORGANIZATION, endpoint.endpoint_id)
    assert found is not None
    assert (found.state, found.state_reason) == ("disabled", "gone")
    assert len(world.receiver.receipts) == 1


async def test_a_receiver_may_ask_to_be_left_alone_for_up_to_an_hour(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    world.receiver.answer = receivers.status(429, retry_after="900")
    await world.deliver()

    world.receiver.answer = receivers.OK
    world.clock.move(seconds=899)
    assert await world.deliver() == []
    world.clock.move(seconds=1)
    assert await world.deliver() == [Recorded.DELIVERED]


async def test_the_head_holds_up_its_own_endpoint_only(world: World) -> None:
    await world.register("/broken")
    await world.register("/fine")
    broken = world.receiver.secrets["/broken"]
    world.receiver.secrets["/broken"] = "whsec_" + broken.removeprefix("whsec_")[::-1].lstrip("=") + "AAAA"
    events = [comment(world) for _ in range(5)]
    await world.tell(*events)

    await world.deliver()

    assert world.receiver.ids("/fine") == ids_of(*events)
    assert world.receiver.ids("/broken") == ids_of(events[0])


async def test_a_skipped_head_is_announced_by_what_comes_after_it(world: World) -> None:
    await world.register()
    first, second, third = comment(world), comment(world), comment(world)
    await world.tell(first, second)
    world.receiver.answer = receivers.status(500)
    for wait in WAITS[:3]:
        world.clock.move(seconds=wait)
        await world.deliver()
    assert world.receiver.first_receipts() == ids_of(first)

    world.clock.move(seconds=WAITS[3])
    await world.delivering.round()
    assert (await world.states())[0][1:3] == ("pending", "side")
    world.receiver.answer = receivers.OK
    await world.tell(third)
    await world.deliver()
    assert world.receiver.first_receipts() == ids_of(first, second, third)
    assert world.receiver.receipts[-2].event["skipped"] == str(first.envelope.event_id)

    world.clock.move(hours=3)
    await world.deliver()
    assert world.receiver.ids()[-1:] == ids_of(first)
    fourth = comment(world)
    await world.tell(fourth)
    await world.deliver()
    assert world.receiver.ids()[-1:] == ids_of(fourth)
    assert "skipped" not in world.receiver.receipts[-1].event
    assert {state for _, state, _, _ in await world.states()} == {"delivered"}


async def test_in_strict_order_the_head_is_never_overtaken(world: World) -> None:
    world.delivering.policy = RetryPolicy(block_seconds_max=30 * 24 * HOURS)
    await world.register()
    first, second = comment(world), comment(world)
    await world.tell(first, second)
    world.receiver.answer = receivers.status(500)
    for wait in WAITS[:-1]:
        world.clock.move(seconds=wait)
        await world.deliver()

    assert world.receiver.first_receipts() == ids_of(first)


async def test_the_breaker_lets_one_attempt_through_after_each_pause(world: World) -> None:
    world.delivering.policy = RetryPolicy(block_seconds_max=0)
    await world.register()
    events = [comment(world) for _ in range(30)]
    await world.tell(*events)
    world.receiver.answer = receivers.status(500)

    await world.deliver()
    assert len(world.receiver.receipts) == 5
    for pause in (30, 60, 120, 240, 300, 300):
        world.clock.move(seconds=pause - 1)
        assert await world.deliver() == []
        world.clock.move(seconds=1)
        assert await world.deliver() == [Recorded.RETRIED]

    world.receiver.answer = receivers.OK
    world.clock.move(seconds=300)
    await world.deliver()
    world.clock.move(days=1)
    await world.deliver()
    assert set(world.receiver.ids()) == set(ids_of(*events))
    assert {state for _, state, _, _ in await world.states()} == {"delivered"}


async def test_five_days_without_a_success_disable_the_endpoint_and_resuming_loses_nothing(
    world: World,
) -> None:
    endpoint = await world.register()
    world.receiver.answer = receivers.status(500)
    events = []
    for _ in range(31):
        events.append(comment(world))
        await world.tell(events[-1])
        await world.deliver()
        world.clock.move(hours=4)
    found = await endpoints.Endpoints(world.database).one(ORGANIZATION, endpoint.endpoint_id)
    assert found is not None
    assert (found.state, found.state_reason) == ("disabled", "failing_for_too_long")

    world.receiver.answer = receivers.OK
    async with world.database.transaction() as connection:
        await endpoints.resume(connection, found, world.clock())
        await delivery_log.resend_since(connection, ORGANIZATION, endpoint.endpoint_id, 0, world.clock())
    sent_before = len(world.receiver.receipts)
    await world.deliver()
    assert world.receiver.ids()[sent_before:] == ids_of(*events)


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
        await delivery_log.resend(
            connection, ORGANIZATION, endpoint.endpoint_id, first.envelope.event_id, world.clock()
        )
    await world.deliver()
    assert world.receiver.ids() == ids_of(first, second, first)


async def test_everything_since_a_position_is_sent_again_in_order(world: World) -> None:
    endpoint = await world.register()
    events = [comment(world) for _ in range(5)]
    await world.tell(*events)
    await world.deliver()

    async with world.database.transaction() as connection:
        count = await delivery_log.resend_since(
            connection, ORGANIZATION, endpoint.endpoint_id, 2, world.clock()
        )
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
    found = await endpoints.Endpoints(world.database).one(ORGANIZATION, endpoint.endpoint_id)
    assert found is not None
    assert found.failures_in_row == 0


async def test_a_worker_killed_between_claim_and_record_is_followed_by_another_after_its_lease(
    world: World,
) -> None:
    await world.register()
    first, second = comment(world), comment(world)
    await world.tell(first, second)
    dead = world.another_worker()
    (claim,) = await dead.claim()
    await dead._send(claim)  # noqa: SLF001 (what a worker does before it would record)

    assert await world.deliver() == []
    world.clock.move(seconds=59)
    assert await world.deliver() == []
    world.clock.move(seconds=1)
    assert await world.deliver() == [Recorded.DELIVERED, Recorded.DELIVERED]
    assert world.receiver.ids() == ids_of(first, first, second)


async def test_a_worker_that_comes_back_after_its_lease_changes_nothing(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    frozen = world.another_worker()
    (claim,) = await frozen.claim()
    world.clock.move(seconds=60)
    assert await world.deliver() == [Recorded.DELIVERED]

    world.receiver.answer = receivers.status(500)
    assert await frozen.deliver(claim) is Recorded.LOST
    assert await world.states() == [(1, "delivered", "line", 1)]


async def test_many_workers_never_send_to_one_endpoint_at_the_same_time(world: World) -> None:
    paths = [f"/hooks/{number}" for number in range(4)]
    for path in paths:
        await world.register(path)
    events = [comment(world) for _ in range(15)]
    await world.tell(*events)

    async def work() -> None:
        worker = world.another_worker()
        idle = 0
        while idle < 20:
            idle = 0 if await worker.round() else idle + 1

    await asyncio.gather(*(work() for _ in range(4)))
    for path in paths:
        assert world.receiver.ids(path) == ids_of(*events)


async def test_the_running_loop_delivers_and_stops_within_seconds_leaving_its_lease(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    world.receiver.answer = receivers.silence
    world.sender._seconds_max = 60  # noqa: SLF001
    running = asyncio.create_task(world.delivering.run())
    from tests.support.eventually import eventually

    await eventually(lambda: _arrived(world, 1))
    async with asyncio.timeout(5):
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    world.receiver.answer = receivers.OK
    world.clock.move(seconds=60)
    assert await world.deliver() == [Recorded.DELIVERED]


def _arrived(world: World, count: int) -> None:
    assert len(world.receiver.receipts) >= count


async def test_a_secret_that_is_rotated_signs_beside_the_new_one_until_the_overlap_ends(world: World) -> None:
    from datetime import timedelta

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

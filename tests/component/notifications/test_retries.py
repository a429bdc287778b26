"""A webhook that fails is tried again by schedule, holds others up for a while only, and is given up at last."""

from services.notifications.channels.webhooks import delivery_log, endpoints
from services.notifications.channels.webhooks.recording import Recorded
from services.notifications.channels.webhooks.retrying import RetryPolicy
from tests.support.notifications import receiver as receivers
from tests.support.notifications.events import ORGANIZATION
from tests.support.notifications.world import World, comment, ids_of

HOURS = 3_600
WAITS = (0, 5, 300, 1_800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS)


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


async def test_a_receiver_that_is_gone_disables_its_endpoint(world: World) -> None:
    endpoint = await world.register()
    await world.tell(comment(world), comment(world))
    world.receiver.answer = receivers.status(410)

    await world.deliver()
    world.clock.move(days=1)
    assert await world.deliver() == []
    found = await endpoints.Endpoints(world.organizations).one(ORGANIZATION, endpoint.endpoint_id)
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
    found = await endpoints.Endpoints(world.organizations).one(ORGANIZATION, endpoint.endpoint_id)
    assert found is not None
    assert (found.state, found.state_reason) == ("disabled", "failing_for_too_long")

    world.receiver.answer = receivers.OK
    async with world.database.transaction() as connection:
        await endpoints.resume(connection, found, world.clock())
        await delivery_log.resend_since(connection, endpoint, 0, world.clock())
    sent_before = len(world.receiver.receipts)
    await world.deliver()
    assert world.receiver.ids()[sent_before:] == ids_of(*events)

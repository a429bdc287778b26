"""A clock that was wrong for a while and is put right: nothing waits for the day it said, and nothing is forgotten."""

from services.notifications.channels.webhooks.recording import Recorded
from services.notifications.housekeeping import Housekeeping
from tests.component.notifications.test_retries import WAITS
from tests.support.notifications import receiver as receivers
from tests.support.notifications.world import World, comment, ids_of


async def put_right(world: World) -> None:
    await Housekeeping(world.database, world.policy, clock=world.clock).put_right()


async def test_what_was_told_while_the_clock_was_ahead_is_sent_once_it_is_right(world: World) -> None:
    await world.register()
    world.clock.move(days=30)
    first, second = comment(world), comment(world)
    await world.tell(first, second)
    world.receiver.answer = receivers.status(500)
    assert await world.deliver() == [Recorded.RETRIED]

    world.clock.move(days=-30)
    world.receiver.answer = receivers.OK
    assert await world.deliver() == []
    await put_right(world)

    assert await world.deliver() == [Recorded.DELIVERED, Recorded.DELIVERED]
    assert world.receiver.ids() == ids_of(first, first, second)


async def test_an_endpoint_that_was_leased_or_left_alone_by_a_clock_ahead_is_not_for_long(
    world: World,
) -> None:
    await world.register()
    event = comment(world)
    world.clock.move(days=30)
    await world.tell(event)
    world.receiver.answer = receivers.status(500)
    for _ in range(world.policy.breaker_failures):
        await world.deliver()
        world.clock.move(hours=5)
    world.receiver.answer = receivers.OK
    assert len(await world.delivering.claim()) == 1

    world.clock.move(days=-32)
    assert await world.deliver() == []
    await put_right(world)

    assert await world.deliver() == [Recorded.DELIVERED]


async def test_what_waits_by_the_schedule_goes_on_waiting(world: World) -> None:
    await world.register()
    await world.tell(comment(world))
    world.receiver.answer = receivers.status(500)
    for wait in WAITS[:-1]:
        world.clock.move(seconds=wait)
        assert await world.deliver() == [Recorded.RETRIED]

    await put_right(world)
    assert await world.deliver() == []
    world.clock.move(seconds=WAITS[-1])
    assert await world.deliver() == [Recorded.PARKED]


async def test_what_failed_while_the_clock_was_ahead_holds_others_up_no_longer_than_anything_does(
    world: World,
) -> None:
    await world.register()
    world.clock.move(days=30)
    first, second = comment(world), comment(world)
    await world.tell(first, second)
    world.receiver.answer = receivers.status(500)
    await world.deliver()
    world.clock.move(days=-30)
    await put_right(world)

    for wait in WAITS[1:5]:
        await world.deliver()
        world.clock.move(seconds=wait)
    position, _, lane, _ = next(iter(await world.states()))
    assert (position, lane) == (1, "side")


async def test_a_replica_whose_clock_is_behind_hurries_nothing_that_others_have_put_off(world: World) -> None:
    await world.register()
    world.clock.move(seconds=-sum(WAITS[:5]))
    await world.tell(comment(world))
    world.receiver.answer = receivers.status(500)
    for wait in WAITS[:5]:
        world.clock.move(seconds=wait)
        assert await world.deliver() == [Recorded.RETRIED]

    world.clock.move(hours=-6)
    await put_right(world)
    world.clock.move(hours=6)
    assert await world.deliver() == []


async def test_what_was_not_tried_yet_when_the_clock_was_put_right_has_not_begun_to_hold_others_up(
    world: World,
) -> None:
    await world.register()
    world.clock.move(days=30)
    await world.tell(comment(world))
    world.clock.move(days=-30)
    await put_right(world)

    async with world.database.connection() as connection:
        assert await connection.fetchval("select count(first_attempt_at) from deliveries") == 0


async def test_half_an_hour_ahead_is_noticed_too(world: World) -> None:
    """What was sent then is released, and what was told then is due, when the clock says now."""
    await world.register()
    world.clock.move(minutes=30)
    await world.tell(comment(world))
    assert await world.deliver() == [Recorded.DELIVERED]
    await world.tell(comment(world))

    world.clock.move(minutes=-30)
    assert await world.deliver() == []
    await put_right(world)

    assert await world.deliver() == [Recorded.DELIVERED]

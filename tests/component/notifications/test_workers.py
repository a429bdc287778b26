"""Workers share endpoints by leases: one dies, another goes on; none sends beside another."""

import asyncio

from services.notifications.channels.webhooks.recording import Recorded
from tests.support.eventually import eventually
from tests.support.notifications import receiver as receivers
from tests.support.notifications.world import World, comment, ids_of

HOURS = 3_600
WAITS = (0, 5, 300, 1_800, 2 * HOURS, 5 * HOURS, 10 * HOURS, 10 * HOURS)


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
    await eventually(lambda: _arrived(world, 1))
    async with asyncio.timeout(5):
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    world.receiver.answer = receivers.OK
    world.clock.move(seconds=60)
    assert await world.deliver() == [Recorded.DELIVERED]


def _arrived(world: World, count: int) -> None:
    assert len(world.receiver.receipts) >= count

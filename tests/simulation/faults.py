"""What may befall a world, each fault for a while: processes, cables, databases, broker, receivers, clocks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from tests.simulation.broker.client import NAME as BROKER
from tests.simulation.broker.stream import Stream
from tests.simulation.feed import NAME as FEED
from tests.simulation.loop import Process
from tests.simulation.people import ENDPOINTS
from tests.simulation.postgres.server import REFUSALS, SimulatedPostgres
from tests.simulation.receivers import MISBEHAVIORS, PICKY
from tests.simulation.world import World

Fault: TypeAlias = Callable[[World], Awaitable[None]]
Teller: TypeAlias = Callable[[float, str], object]

FAULTS_MIN = 10
FAULTS_MAX = 16
RAGING_SECONDS = 10.0


async def rage(world: World, tell: Teller) -> list[str]:
    """Let faults befall the world, one after the other and overlapping; returns their names."""
    chance = world.chance
    many = chance.randint(FAULTS_MIN, FAULTS_MAX)
    plan = sorted((chance.uniform(0, RAGING_SECONDS), chance.choice(FAULTS)) for _ in range(many))
    await asyncio.gather(*(_later(world, seconds, name, tell) for seconds, name in plan))
    return [name for _, name in plan]


async def _later(world: World, seconds: float, name: str, tell: Teller) -> None:
    await asyncio.sleep(seconds)
    tell(world.loop.time(), name)
    await FAULTS_BY_NAME[name](world)


# --- Processes ---


async def a_process_is_killed(world: World) -> None:
    process = _any_process(world)
    if process.is_dead:
        return
    process.kill()
    await asyncio.sleep(world.chance.uniform(0.05, 2))
    world.start(process.name)


async def a_process_freezes(world: World) -> None:
    process = _any_process(world)
    process.freeze()
    await asyncio.sleep(world.chance.choice((0.5, 2, 5, 12)))
    if not process.is_dead:
        process.thaw()


async def a_cable_breaks(world: World) -> None:
    server = world.chance.choice((BROKER, FEED, *(each.name for each in world.servers.databases)))
    _any_process(world).cut_off(server, world.chance.uniform(0.2, 8))


# --- Databases ---


async def sessions_are_cut(world: World) -> None:
    _any_database(world).cut_sessions(_any_process(world))


async def a_database_restarts(world: World) -> None:
    database = _any_database(world)
    database.go_down()
    await asyncio.sleep(world.chance.uniform(0.1, 4))
    database.come_up()


async def a_database_refuses(world: World) -> None:
    database = _any_database(world)
    database.refuses_with = world.chance.choice(REFUSALS)
    await asyncio.sleep(world.chance.uniform(0.05, 2))
    database.refuses_with = None


async def answers_to_commits_are_lost(world: World) -> None:
    database = _any_database(world)
    database.answers_lost = world.chance.randint(1, 3)
    await asyncio.sleep(2)
    database.answers_lost = 0


async def a_database_is_slow(world: World) -> None:
    await _slow(world, _any_database(world).name)


# --- Broker ---


async def the_broker_is_slow(world: World) -> None:
    await _slow(world, BROKER)


async def the_broker_restarts(world: World) -> None:
    await _restart_broker(world, lambda: world.servers.broker.store.stream)


async def the_broker_is_wiped(world: World) -> None:
    await _restart_broker(world, lambda: None)


async def an_older_copy_of_the_broker_is_restored(world: World) -> None:
    older = world.servers.broker.store.copy()
    await asyncio.sleep(world.chance.uniform(0.2, 5))
    await _restart_broker(world, lambda: older)


async def the_stream_is_deleted(world: World) -> None:
    world.servers.broker.store.delete_stream()


async def a_consumer_is_deleted(world: World) -> None:
    stream = world.servers.broker.store.stream
    if stream is not None and stream.consumers:
        world.servers.broker.store.delete_consumer(world.chance.choice(sorted(stream.consumers)))


async def connections_to_the_broker_break(world: World) -> None:
    world.servers.broker.cut_clients(world.chance.choice((None, _any_process(world))))


async def messages_are_lost_and_doubled(world: World) -> None:
    world.servers.broker.mischief = world.chance.choice((0.05, 0.3))
    await asyncio.sleep(world.chance.uniform(0.5, 4))
    world.servers.broker.mischief = 0.0


async def nothing_reaches_consumers(world: World) -> None:
    """Where it is the last that is lost no gap ever shows, only silence."""
    world.servers.broker.is_losing_everything = True
    await asyncio.sleep(world.chance.uniform(0.5, 4))
    world.servers.broker.is_losing_everything = False


async def a_subscription_dies(world: World) -> None:
    world.servers.broker.forget_subscriptions(_any_process(world))


async def the_stream_forgets_its_beginning(world: World) -> None:
    world.servers.broker.store.forget_first(world.chance.choice((1, 20, 1_000)))


# --- HTTP and clocks ---


async def the_feed_does_not_answer(world: World) -> None:
    world.servers.feed.is_available = False
    await asyncio.sleep(world.chance.uniform(0.2, 4))
    world.servers.feed.is_available = True


async def a_receiver_misbehaves(world: World) -> None:
    await _misbehave(world, world.chance.choice(MISBEHAVIORS), world.chance.uniform(0.2, 8))


async def a_receiver_refuses_one_webhook(world: World) -> None:
    """For so long that it is skipped, while what follows is taken."""
    await _misbehave(world, PICKY, world.chance.uniform(2, 8))


async def a_receiver_is_gone(world: World) -> None:
    await _misbehave(world, "gone", world.chance.uniform(0.2, 2))


async def the_clock_jumps(world: World) -> None:
    world.servers.clock_offset += timedelta(seconds=world.chance.choice((-5, 5, 70, 3_600)))


def _any_process(world: World) -> Process:
    return world.processes[world.chance.choice(sorted(world.processes))]


def _any_database(world: World) -> SimulatedPostgres:
    return world.chance.choice(world.servers.databases)


async def _slow(world: World, server: str) -> None:
    world.network.slowness[server] = world.chance.choice((20.0, 200.0))
    await asyncio.sleep(world.chance.uniform(0.5, 3))
    world.network.slowness.pop(server, None)


async def _misbehave(world: World, behavior: str, seconds: float) -> None:
    url = world.chance.choice(ENDPOINTS).url
    world.servers.receivers.misbehave(url, behavior)
    await asyncio.sleep(seconds)
    world.servers.receivers.behave(url)


async def _restart_broker(world: World, disk: Callable[[], Stream | None]) -> None:
    broker = world.servers.broker
    broker.go_down()
    await asyncio.sleep(world.chance.uniform(0.1, 3))
    broker.come_up(disk())


FAULTS_BY_NAME: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        a_process_is_killed,
        a_process_freezes,
        a_cable_breaks,
        sessions_are_cut,
        a_database_restarts,
        a_database_refuses,
        answers_to_commits_are_lost,
        a_database_is_slow,
        the_broker_is_slow,
        the_broker_restarts,
        the_broker_is_wiped,
        an_older_copy_of_the_broker_is_restored,
        the_stream_is_deleted,
        a_consumer_is_deleted,
        connections_to_the_broker_break,
        messages_are_lost_and_doubled,
        nothing_reaches_consumers,
        a_subscription_dies,
        the_stream_forgets_its_beginning,
        the_feed_does_not_answer,
        a_receiver_misbehaves,
        a_receiver_refuses_one_webhook,
        a_receiver_is_gone,
        the_clock_jumps,
    )
}
# Processes die more often than anything else, and there is most to be lost between two of their awaits. Webhooks are
# few, so that most misbehavior of receivers meets none.
FAULTS = (
    *("a_process_is_killed",) * 6,
    *("a_process_freezes",) * 2,
    *("a_receiver_misbehaves",) * 3,
    "nothing_reaches_consumers",
    *FAULTS_BY_NAME,
)

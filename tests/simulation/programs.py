"""The programs of a simulated world: the real loops, put together as the services do, over simulated servers."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, cast

from libs.access.projecting import AccessHandler
from libs.chassis.leading import Leadership
from libs.events.log.keeper import Keeper, StreamSettings
from libs.events.log.relay import Relay, RelaySettings
from libs.events.subscription import Subscription, SubscriptionSettings
from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.retrying import RetryPolicy
from services.notifications.channels.webhooks.sending import Sender
from services.notifications.delivering import Delivering
from services.notifications.telling import Telling
from services.timeline import projections
from tests.simulation import people
from tests.simulation.servers import Servers
from tests.simulation.witness import Illness, Witness

Loop = Callable[[], Coroutine[Any, Any, None]]
ATTEMPT_SECONDS_MAX = 1.0
# The schedule of production in small: a simulated minute has its every turn.
POLICY = RetryPolicy(
    delays=(0.0, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0),
    block_seconds_max=3.0,
    retry_after_seconds_max=2.0,
    breaker_failures=4,
    breaker_seconds=0.5,
    breaker_seconds_max=2.0,
)


def projects(servers: Servers, chance: Random) -> tuple[Relay, Loop]:
    """The relay of a replica of projects, and its loop."""
    max_age = timedelta(days=chance.choice((0, 36_500)))
    settings = RelaySettings("log", "nats://relay@broker", max_age, identity_check_seconds=2.0)
    keeper = Keeper("nats://keeper@broker", StreamSettings(), servers.broker.connect)
    relay = Relay(settings, keeper, servers.broker.connect, partial(Leadership, connect=servers.log.connect))
    return relay, relay.run


def timeline(servers: Servers, illness: Illness) -> Loop:
    """The projecting of a replica of timeline."""
    return Subscription(
        SubscriptionSettings("timeline", "nats://timeline@broker", "timeline"),
        servers.timeline.pool(2),
        [Witness(illness), *projections.all_projections(), AccessHandler()],
        servers.feed,
        connect=servers.broker.connect,
        lead=partial(Leadership, connect=servers.timeline.connect),
    ).run


def telling(servers: Servers, illness: Illness) -> Loop:
    """What a replica of notifications makes of events."""
    return Subscription(
        SubscriptionSettings("notifications", "nats://notifications@broker", "notifications"),
        servers.notifications.pool(2),
        [Witness(illness), Telling(servers.clock), AccessHandler()],
        servers.feed,
        connect=servers.broker.connect,
        lead=partial(Leadership, connect=servers.notifications.connect),
    ).run


def delivering(servers: Servers, chance: Random) -> Loop:
    """The webhooks a replica of notifications sends."""
    egress = EgressPolicy(allow_loopback=True)
    return Delivering(
        servers.notifications.pool(4),
        Sender(cast("Any", servers.receivers), egress, ATTEMPT_SECONDS_MAX),
        people.SEALER,
        POLICY,
        clock=servers.clock,
        chance=lambda: chance.uniform(-1, 1),
        poll_seconds=0.5,
    ).run

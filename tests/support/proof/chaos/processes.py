"""Faults of our own processes: killed, frozen, ended politely, doubled, and started an hour later."""

import asyncio
from random import Random

from deploy.local import programs
from deploy.local.programs import SERVICES
from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.chaos.fault import Fault, Ground, Strike, done, fault, lasting
from tests.support.proof.proxy import FINE, Weather
from tests.support.proof.replicas import two_replicas

EXIT_SECONDS_MAX = 15
# Others strike meanwhile what it needs in order to start.
READY_SECONDS_MAX = 90
HOUR_SECONDS = 3_600
HALF_OPEN = Weather(is_half_open=True)
END_LEADERSHIP = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
    " where application_name = 'leader of milepost.relay'"
)


def killed(service: str) -> Strike:
    async def strike(ground: Ground, chance: Random) -> None:
        await ground.campaign.kill(service)
        await lasting(chance, 0, 1)
        await ground.campaign.start_again(service)
        # The next fault may find it still starting, or at work already.
        await lasting(chance, 0, 4)

    return strike


def frozen(service: str, least: float, most: float) -> Strike:
    """Stopped, with all it was about to do; what lies in it unanswered may still be done when it wakes up."""

    async def strike(ground: Ground, chance: Random) -> None:
        campaign, url = ground.campaign, ground.stack.url(service)
        campaign.sender.frozen.add(url)
        await campaign.freeze(service)
        try:
            await lasting(chance, least, most)
        finally:
            await campaign.thaw(service)
            campaign.sender.frozen.discard(url)

    return strike


def asked_to_stop(service: str) -> Strike:
    """As in a rolling restart; it ends by itself, in time."""

    async def strike(ground: Ground, chance: Random) -> None:
        process = ground.stack.processes[service]
        url = ground.stack.url(service)

        async def is_ready() -> None:
            assert await asyncio.to_thread(programs.is_ready, url), f"{service} is not ready"

        await eventually(is_ready, READY_SECONDS_MAX, every=0.2)
        ground.campaign.struck.add(service)
        process.ask_to_stop()

        def has_ended() -> None:
            assert not process.alive, f"{service} was asked to stop {EXIT_SECONDS_MAX} s ago"

        await eventually(has_ended, EXIT_SECONDS_MAX)
        assert process.exit_code == 0, f"{service} ended with code {process.exit_code}"
        await ground.campaign.start_again(service)

    return strike


async def an_hour_passes(ground: Ground, chance: Random) -> None:
    """The clock of notifications jumps; whatever was to be tried again by then is due."""
    ground.campaign.let_time_pass(HOUR_SECONDS)
    await killed("notifications")(ground, chance)


async def two_relays(ground: Ground, chance: Random) -> None:
    """A second projects writes too, and the leader of the relay loses its office while it publishes."""
    async with two_replicas(ground.campaign):
        await lasting(chance, 0.5, 1.5)
        await done(lambda: evidence.value(ground.stack.postgres.dsn(), END_LEADERSHIP))
        await lasting(chance, 1, 3)


def half_open(service: str, beyond: str) -> Strike:
    """A service dies, and those it was connected to do not learn it while its successor is at work."""

    async def strike(ground: Ground, chance: Random) -> None:
        link = ground.stack.links[f"{service} → {beyond}"]
        link.become(HALF_OPEN)
        try:
            await ground.campaign.kill_and_start_again(service)
            await lasting(chance, 3, 8)
        finally:
            link.become(FINE)

    return strike


PROJECTS_ALONE = ("projects", "projects → postgres", "projects → nats", "postgres")
KILLED = [fault(f"{service} is killed", killed(service), service) for service in SERVICES]
FROZEN = [
    fault("projects is frozen", frozen("projects", 2, 5), "projects"),
    fault("timeline is frozen", frozen("timeline", 2, 12), "timeline"),
    fault("notifications is frozen", frozen("notifications", 2, 12), "notifications"),
]
STOPPED = [fault(f"{service} is asked to stop", asked_to_stop(service), service) for service in SERVICES]
LATER = fault("an hour passes for notifications", an_hour_passes, "notifications")
DOUBLED = fault("two relays", two_relays, *PROJECTS_ALONE)


def unaware(service: str, beyond: str) -> Fault:
    link = f"{service} → {beyond}"
    return fault(f"{link} is half open", half_open(service, beyond), service, link, beyond)


HALF_OPENED = [unaware(service, beyond) for service in SERVICES for beyond in ("postgres", "nats")]

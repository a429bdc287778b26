"""Faults of clocks: they leap ahead and back, while the process whose they are goes on."""

from random import Random

from deploy.local.programs import SERVICES
from tests.support.proof.chaos.fault import Fault, Ground, fault, lasting
from tests.support.proof.chaos.processes import HOUR_SECONDS, LATER

LEAP_SECONDS = 5


def is_off(service: str, seconds: float, how: str) -> Fault:
    """For a while; then it is put right."""

    async def strike(ground: Ground, chance: Random) -> None:
        ground.campaign.move_clock(service, seconds)
        try:
            await lasting(chance, 3, 8)
        finally:
            ground.campaign.move_clock(service, -seconds)

    return fault(f"the clock of {service} is {how} for a while", strike, f"clock of {service}")


def leaps_back(service: str) -> Fault:
    """And stays there: less than tokens have leeway, however often."""

    async def strike(ground: Ground, chance: Random) -> None:
        ground.campaign.move_clock(service, -LEAP_SECONDS)
        await lasting(chance, 3, 8)

    return fault(f"the clock of {service} leaps back five seconds", strike, f"clock of {service}")


# An hour behind, whoever verifies tokens would let nobody in; that is seen elsewhere.
ALL = [
    LATER,
    is_off("notifications", HOUR_SECONDS, "an hour ahead"),
    is_off("notifications", -HOUR_SECONDS, "an hour behind"),
    is_off("timeline", HOUR_SECONDS, "an hour ahead"),
    is_off("projects", HOUR_SECONDS, "an hour ahead"),
    *(leaps_back(service) for service in SERVICES),
]

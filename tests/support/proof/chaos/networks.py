"""Faults of the network between two programs: cut, shut, silent, slow, narrow, or reset in the middle of a sentence."""

from random import Random

from deploy.local.programs import SERVICES
from tests.support.proof.chaos.fault import Fault, Ground, Strike, fault, lasting
from tests.support.proof.chaos.links import RECEIVERS
from tests.support.proof.proxy import FINE, Weather

BEYOND = {
    "projects": ("postgres", "nats"),
    "timeline": ("postgres", "nats", "projects"),
    "notifications": ("postgres", "nats", "projects"),
}
LINKS = (*(f"{service} → {beyond}" for service in SERVICES for beyond in BEYOND[service]), RECEIVERS)


def bad_weather(link: str, weather: Weather, least: float, most: float) -> Strike:
    async def strike(ground: Ground, chance: Random) -> None:
        ground.stack.links[link].become(weather)
        try:
            await lasting(chance, least, most)
        finally:
            ground.stack.links[link].become(FINE)

    return strike


def is_cut(link: str) -> Strike:
    async def strike(ground: Ground, chance: Random) -> None:
        for _ in range(3):
            ground.stack.links[link].cut()
            await lasting(chance, 0, 1)

    return strike


def is_shut(link: str) -> Strike:
    """Cut, and nobody gets through for a while."""

    async def strike(ground: Ground, chance: Random) -> None:
        ground.stack.links[link].cut()
        await bad_weather(link, Weather(refuses=True), 1, 4)(ground, chance)

    return strike


def breaks_sentences(link: str) -> Strike:
    async def strike(ground: Ground, chance: Random) -> None:
        weather = Weather(reset_after_bytes=chance.choice((10, 500, 3_000, 20_000)))
        await bad_weather(link, weather, 2, 4)(ground, chance)

    return strike


SLOW = Weather(delay_seconds=0.5, jitter_seconds=0.3)
NARROW = Weather(bytes_per_second=8_000)
SILENT = Weather(swallows=True)


def faults_of(link: str) -> list[Fault]:
    return [
        fault(f"{link} is cut", is_cut(link), link),
        fault(f"{link} is shut", is_shut(link), link),
        fault(f"{link} is silent", bad_weather(link, SILENT, 2, 8), link),
        fault(f"{link} is slow", bad_weather(link, SLOW, 3, 6), link),
        fault(f"{link} is narrow", bad_weather(link, NARROW, 3, 6), link),
        fault(f"{link} breaks sentences", breaks_sentences(link), link),
    ]


ALL = [each for link in LINKS for each in faults_of(link)]

"""How long a campaign of bad days is, and how much is asked of it: short for every change, long, and a soak."""

import os
from dataclasses import dataclass
from random import SystemRandom


@dataclass(frozen=True, slots=True)
class Form:
    """`faults` are begun one every `every_seconds`; `restarts` is of the campaign that does nothing else.

    `nuisances_min` are bad messages and bad receivers; so many of either there must be at least.
    `growth_percent_max` is of memory in ten minutes, after `steady_seconds` of load without faults.
    """

    name: str
    faults: int
    every_seconds: float
    commands_min: int
    commands_per_second: float
    nuisances_min: int
    organizations: int = 4
    projects: int = 25
    readers: int = 20
    hooks: int = 8
    restarts: int = 200
    messages_min: int = 0
    receivers_min: int = 0
    steady_seconds: float = 300
    growth_percent_max: float = 15

    @property
    def seconds(self) -> float:
        return self.faults * self.every_seconds


SHORT = Form("short", 16, 3, 1_000, 40, 10, organizations=2, projects=6, readers=6, hooks=4)
LONG = Form("long", 165, 4, 24_000, 50, 100, messages_min=60, receivers_min=40)
SOAK = Form(
    "soak",
    900,
    4,
    200_000,
    65,
    1_000,
    restarts=1_500,
    messages_min=600,
    receivers_min=400,
    steady_seconds=1_200,
    growth_percent_max=1,
)
# Of the short form, which strikes the same in the same order every time: each process dies, and much else.
SHORT_SEED = 188


def chosen() -> Form:
    """`ROUND=soak` makes it an hour."""
    return SOAK if os.environ.get("ROUND") == "soak" else LONG


def seed() -> int:
    """`FAULT_SEED` repeats a campaign, as far as processes can be repeated."""
    given = os.environ.get("FAULT_SEED")
    return int(given) if given else SystemRandom().randrange(1_000_000)

"""How long a campaign of bad days is, and how much is asked of it: short for every change, long, and a soak."""

import os
from dataclasses import dataclass
from random import SystemRandom


@dataclass(frozen=True, slots=True)
class Form:
    """`faults` are begun one every `every_seconds`; `restarts` is of the campaign that does nothing else."""

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

    @property
    def seconds(self) -> float:
        return self.faults * self.every_seconds


SHORT = Form("short", 16, 3, 1_000, 40, 10, organizations=2, projects=6, readers=6, hooks=4)
LONG = Form("long", 165, 4, 24_000, 50, 100)
SOAK = Form("soak", 900, 4, 200_000, 65, 1_000, restarts=1_500)
# Of the short form, which strikes the same in the same order every time: each process dies, and much else.
SHORT_SEED = 36


def chosen() -> Form:
    """`ROUND=soak` makes it an hour."""
    return SOAK if os.environ.get("ROUND") == "soak" else LONG


def seed() -> int:
    """`FAULT_SEED` repeats a campaign, as far as processes can be repeated."""
    given = os.environ.get("FAULT_SEED")
    return int(given) if given else SystemRandom().randrange(1_000_000)

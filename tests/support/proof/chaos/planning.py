"""Which faults strike, from a seed: each kind in its share, in an order of chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle, pairwise
from random import Random

from tests.support.proof.chaos import brokers, clocks, databases, disks, networks, newcomers, processes
from tests.support.proof.chaos.fault import Fault


@dataclass(frozen=True, slots=True)
class Kind:
    """Faults that are tried for one promise: how many are planned for eleven minutes, and how many are enough.

    `enough_in_an_hour` is asked of the soak. What nobody has given a number for is enough once.
    """

    name: str
    faults: Sequence[Fault]
    planned: int
    enough: int = 1
    enough_in_an_hour: int = 1

    def enough_of(self, count: int) -> int:
        """How many of a campaign of so many faults."""
        if count < WHOLE:
            return 0
        return self.enough if count < HOUR else self.enough_in_an_hour


ALL_KINDS = (
    Kind("a service is killed", processes.KILLED, 36, 36, 180),
    Kind("a service is frozen", processes.FROZEN, 15, 15, 75),
    Kind("a service is asked to stop", processes.STOPPED, 11, 10, 60),
    Kind("a service dies unnoticed", processes.HALF_OPENED, 4),
    Kind("clocks", clocks.ALL, 8, 6, 30),
    Kind("two relays", [processes.DOUBLED], 4, 4, 20),
    Kind("postgres crashes or is stopped", [databases.CRASH, databases.STOP], 12, 12, 60),
    Kind("sessions of postgres", [databases.SESSIONS, databases.STANDSTILL], 8, 8, 40),
    Kind("nats is killed", [brokers.KILLED], 12, 12, 60),
    Kind("nats is frozen", [brokers.FROZEN], 5, 5, 25),
    Kind("nats loses its storage", [brokers.WIPED], 2, 2, 8),
    Kind("nats goes back", [brokers.OLDER], 1, 1, 4),
    Kind("nats loses the stream", [brokers.STREAM], 2, 2, 8),
    Kind("nats loses a consumer", [brokers.CONSUMER], 4, 4, 20),
    Kind("the stream holds something else", brokers.FORGED, 4),
    Kind("a newer program", newcomers.ALL, 4),
    Kind("a disk is full", disks.ALL, 2, 2, 8),
    Kind("links", networks.ALL, 31, 20, 120),
)
# Where nobody may mount disks, there are none to be filled.
KINDS = tuple(kind for kind in ALL_KINDS if kind.faults)
WHOLE = sum(kind.planned for kind in KINDS)
HOUR = 5 * WHOLE


def planned(count: int, chance: Random, kinds: Sequence[Kind] = KINDS) -> list[Fault]:
    """So many faults; a campaign too short for all kinds has those that chance picks, by their share."""
    whole = sum(kind.planned for kind in kinds)
    if count < whole:
        drawn = chance.sample([kind for kind in kinds for _ in range(kind.planned)], count)
    else:
        ends = [reached * count // whole for reached in accumulate(kind.planned for kind in kinds)]
        shares = zip(kinds, pairwise([0, *ends]), strict=True)
        drawn = [kind for kind, (first, end) in shares for _ in range(end - first)]
    # Each member of a kind in its turn, so that none is left out by chance.
    turns = {kind.name: cycle(chance.sample(kind.faults, len(kind.faults))) for kind in kinds}
    plan = [next(turns[kind.name]) for kind in drawn]
    chance.shuffle(plan)
    return plan

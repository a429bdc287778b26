"""Which faults strike, from a seed: each kind in its share, in an order of chance."""

from itertools import cycle
from random import Random

from tests.support.proof.chaos import brokers, databases, networks, processes
from tests.support.proof.chaos.fault import Fault

# Faults of a kind, and how many there are of it in an eleven-minute campaign.
SHARES: tuple[tuple[list[Fault], int], ...] = (
    (processes.KILLED, 36),
    (processes.FROZEN, 15),
    (processes.STOPPED, 10),
    (processes.HALF_OPENED, 4),
    ([processes.LATER], 3),
    ([processes.DOUBLED], 4),
    ([databases.CRASH], 7),
    ([databases.STOP], 5),
    ([databases.SESSIONS], 5),
    ([databases.STANDSTILL], 3),
    ([brokers.KILLED], 12),
    ([brokers.FROZEN], 5),
    ([brokers.WIPED], 2),
    ([brokers.OLDER], 1),
    ([brokers.STREAM], 2),
    ([brokers.CONSUMER], 4),
    ([brokers.FORGED], 4),
    (networks.ALL, 43),
)
WHOLE = sum(share for _, share in SHARES)


def planned(count: int, chance: Random) -> list[Fault]:
    """So many faults; a campaign too short for all kinds has those that chance picks, by their share."""
    if count < WHOLE:
        drawn = chance.sample([kinds for kinds, share in SHARES for _ in range(share)], count)
    else:
        drawn = [kinds for kinds, share in SHARES for _ in range(-(-share * count // WHOLE))][:count]
    # Each member of a kind in its turn, so that none is left out by chance.
    turns = {id(kinds): cycle(chance.sample(kinds, len(kinds))) for kinds, _ in SHARES}
    plan = [next(turns[id(kinds)]) for kinds in drawn]
    chance.shuffle(plan)
    return plan

"""A fault: what is struck, with what, and how; it ends what it began before it returns."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from tests.support.eventually import eventually
from tests.support.proof.campaign import Campaign
from tests.support.proof.chaos.links import LinkedStack

ANSWERS_SECONDS_MAX = 40
Result = TypeVar("Result")


@dataclass
class Ground:
    """What faults strike. `counts` are of bad messages and bad receivers, by kind."""

    campaign: Campaign
    stack: LinkedStack
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def nuisances(self) -> Counter[str]:
        """All there were so far, with the messages that were told otherwise."""
        told = (mischief.done for mischief in self.stack.mischief.values())
        return sum(told, self.counts)


Strike = Callable[[Ground, Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`touches` is what nobody else may strike meanwhile."""

    name: str
    strike: Strike
    touches: frozenset[str]


def fault(name: str, strike: Strike, *touches: str) -> Fault:
    return Fault(name, strike, frozenset(touches))


async def done(work: Callable[[], Awaitable[Result]]) -> Result:
    """What a fault has to ask of a server that may still be coming back from the fault before, as soon as it is."""
    return await eventually(work, ANSWERS_SECONDS_MAX, every=0.2)


async def lasting(chance: Random, least: float, most: float) -> None:
    """A fault goes on for a while."""
    await asyncio.sleep(chance.uniform(least, most))

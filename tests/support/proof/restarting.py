"""Restarts in a tight loop: something dies while 200 events are on their way, comes back, and all of them arrive."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from deploy.local.programs import SERVICES
from tests.support.proof import invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.chaos.fault import lasting
from tests.support.proof.recording import record

EVENTS = 200
VICTIMS = (*SERVICES, "nats", "postgres")
# Until what is on its way has arrived, where nothing stops it.
ON_ITS_WAY_SECONDS = 0.4


@dataclass
class Restarting:
    """`restarts` counts those done, by victim."""

    campaign: Campaign
    chance: Random
    restarts: Counter[str] = field(default_factory=Counter)

    async def run(self, times: int) -> None:
        """Each victim in its turn, in an order of chance; raises AssertionError where something does not arrive."""
        while self.restarts.total() < times:
            for victim in self.chance.sample(VICTIMS, len(VICTIMS)):
                await self._restart(victim)

    async def _restart(self, victim: str) -> None:
        await record(self.campaign, self.chance.choice(self.campaign.world.places), EVENTS)
        await lasting(self.chance, 0, ON_ITS_WAY_SECONDS)
        await self.campaign.kill_and_start_again(victim)
        self.restarts[victim] += 1
        try:
            await invariants.converged(self.campaign.stack)
        except AssertionError as error:
            done = f"restart {self.restarts.total()}, of {victim}"
            raise AssertionError(f"{done}: {error}") from error

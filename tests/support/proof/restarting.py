"""Restarts in a tight loop: something dies while 200 events are on their way, comes back, and all of them arrive."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import Random
from uuid import uuid4

from uuid_utils.compat import uuid7

from deploy.local.programs import SERVICES
from libs.chassis.postgres import Database
from libs.events.envelope import stream_name
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.schedule import MilestonePlanned
from tests.support.proof import invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.chaos.fault import lasting
from tests.support.proof.world import Place

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
        await self._record(self.chance.choice(self.campaign.world.places))
        await lasting(self.chance, 0, ON_ITS_WAY_SECONDS)
        await self.campaign.kill_and_start_again(victim)
        self.restarts[victim] += 1
        try:
            await invariants.converged(self.campaign.stack)
        except AssertionError as error:
            done = f"restart {self.restarts.total()}, of {victim}"
            raise AssertionError(f"{done}: {error}") from error

    async def _record(self, place: Place) -> None:
        """Put events into the log in one call, as an import does; the relay has to find them by itself."""
        dsn = self.campaign.stack.whereabouts.dsn("projects_service")
        database = await Database.connect(dsn, application_name="restarting", connections_max=1)
        try:
            outcomes = await Log(database).append([planning(place) for _ in range(EVENTS)])
        finally:
            await database.close()
        for outcome in outcomes:
            assert isinstance(outcome, Appended)
            self.campaign.foreign.add(outcome.position)


def planning(place: Place) -> Recording:
    milestone_id, organization = uuid4(), place.organization
    planned = MilestonePlanned(project_id=place.project_id, name="On its way", target_on=date(2027, 1, 1))
    stream = stream_name("milestone", milestone_id)
    event = NewEvent(uuid7(), stream, 1, place.project_id, planned, datetime.now(UTC))
    expected = (Expectation(stream, 0),)
    return Recording(organization.org_id, organization.people[0], expected, (event,), Answer(201, b"{}"))

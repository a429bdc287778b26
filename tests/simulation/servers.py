"""Every server of a simulated world, and its wall clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from tests.simulation import databases
from tests.simulation.broker.server import SimulatedNats
from tests.simulation.feed import SimulatedFeed
from tests.simulation.network import Network
from tests.simulation.postgres.server import SimulatedPostgres
from tests.simulation.receivers import Receivers

BEGINNING = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Servers:
    """What outlives every process."""

    def __init__(self, network: Network, chance: Random, consumers: Sequence[str]) -> None:
        self.network = network
        self.log = SimulatedPostgres(network, "log", databases.projects())
        self.timeline = SimulatedPostgres(network, "timeline", databases.timeline())
        self.notifications = SimulatedPostgres(network, "notifications", databases.telling())
        self.broker = SimulatedNats(network, chance)
        self.feed = SimulatedFeed(network, self.log)
        self.receivers = Receivers(network)
        self.clock_offset = timedelta(0)
        self.of_consumers = [each for each in (self.timeline, self.notifications) if each.name in consumers]

    @property
    def databases(self) -> tuple[SimulatedPostgres, ...]:
        return self.log, *self.of_consumers

    def clock(self) -> datetime:
        """The wall clock, which jumps now and then."""
        return BEGINNING + timedelta(seconds=self.network.loop.time()) + self.clock_offset

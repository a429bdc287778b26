"""The log's feed over a simulated HTTP: pages of events, or no answer."""

import asyncio

from libs.events.envelope import Envelope, read_cloud_event
from libs.events.feed import FeedUnavailable
from tests.simulation.loop import this_process
from tests.simulation.network import Network
from tests.simulation.postgres.server import SimulatedPostgres

NAME = "feed"


class SimulatedFeed:
    """Answers from the log's database, whose outages are its own."""

    def __init__(self, network: Network, log: SimulatedPostgres) -> None:
        self._network = network
        self._log = log
        self.is_available = True

    async def page(self, after: int, limit: int) -> list[Envelope]:
        process = this_process()
        await asyncio.sleep(self._network.seconds(NAME))
        is_cut_off = process.cut_off_until.get(NAME, 0.0) > self._network.loop.time()
        if is_cut_off or not self.is_available or not self._log.is_up:
            raise FeedUnavailable("no answer")
        rows = self._log.database.tables["events"].rows
        last = min(after + limit, len(rows))
        return [read_cloud_event(rows[(number,)]["body"].encode()) for number in range(after + 1, last + 1)]

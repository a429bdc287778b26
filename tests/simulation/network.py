"""How long messages take, decided by the seed; one wire keeps the order of what is sent over it."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.loop import Arrival, Process, SimulatedLoop

SECONDS_MIN = 0.0002
SECONDS_USUAL = 0.002
SECONDS_RARE = 0.3
RARITY = 0.004
# Longer than this nothing is under way: what is cut off has a time of its own.
SECONDS_MAX = 4.0


class Network:
    """Delays of messages. `slowness` multiplies those to and from a server, by its name."""

    def __init__(self, loop: SimulatedLoop, chance: Random) -> None:
        self.loop = loop
        self._random = chance.random
        self.slowness: dict[str, float] = {}

    def seconds(self, server: str) -> float:
        """How long the next message takes: mostly a moment, rarely very long."""
        drawn = self._random()
        seconds = SECONDS_RARE * self._random() if drawn < RARITY else SECONDS_MIN + SECONDS_USUAL * drawn
        if not self.slowness:
            return seconds
        return min(SECONDS_MAX, seconds * self.slowness.get(server, 1.0))


class Wire:
    """One direction of a connection between a process and a server. What is cut is never delivered."""

    def __init__(self, network: Network, process: Process, server: str) -> None:
        self._network = network
        self._process = process
        self._server = server
        self._last_arrival = 0.0
        self.is_cut = False

    def send(self, arrive: Callable[..., None], *content: Any) -> None:
        """Have it arrive after everything that was sent before, in nobody's process."""
        loop = self._network.loop
        arrival = loop.time() + self._network.seconds(self._server)
        if self._process.cut_off_until:
            arrival = max(arrival, self._process.cut_off_until.get(self._server, 0.0))
        if arrival > self._last_arrival:
            self._last_arrival = arrival
        loop.arrive_at(self._last_arrival, Arrival(self, arrive, content))


def answer(future: "asyncio.Future[Any]", result: Any) -> None:
    """Give an answer to whoever still waits for it; an exception is raised there."""
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)

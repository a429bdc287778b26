"""One simulated world: a history that is written, two replicas of each service, and an operator."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from libs.events.log.relay import Relay
from tests.simulation import people, programs
from tests.simulation.history import HISTORIES, Script, script
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.network import Network
from tests.simulation.operating import operate
from tests.simulation.servers import BEGINNING, Servers
from tests.simulation.witness import Illness

# Most worlds have one of the services that consume, so that there can be more worlds.
CONSUMERS = (
    ("timeline",),
    ("notifications",),
    ("timeline",),
    ("notifications",),
    ("timeline", "notifications"),
)
WRITING_SECONDS = 9.0


class World:
    """Built from a seed alone. Faults call its methods; invariants read its servers."""

    def __init__(self, loop: SimulatedLoop, seed: int) -> None:
        self.loop = loop
        self.chance = Random(seed)
        self.network = Network(loop, self.chance)
        self.consumers = CONSUMERS[seed % len(CONSUMERS)]
        self.servers = Servers(self.network, self.chance, self.consumers)
        self.script = self._script(seed)
        self.illness = Illness(self._ill_positions())
        self.processes: dict[str, Process] = {}
        self.all_processes: list[Process] = []
        self._relays: dict[str, Relay] = {}

    def _script(self, seed: int) -> Script:
        plain = script(seed % HISTORIES)
        return plain.with_unreadable(self.chance, self.chance.randint(1, 3)) if seed % 3 == 1 else plain

    def _ill_positions(self) -> list[int]:
        """Either some events can never be read, or some can not be applied for a while: never both at once."""
        if self.script.unreadable:
            return []
        many = self.chance.choice((0, 0, 1, 2))
        return self.chance.sample(range(1, len(self.script.envelopes) + 1), many)

    # --- What happens by itself ---

    async def write_history(self) -> None:
        """Commit the history in groups, now and then; mostly a relay of the same process is woken."""
        rows, written = self.script.rows, 0
        events = self.servers.log.database.tables["events"].rows
        while written < len(rows):
            group = rows[written : written + self.chance.choice((1, 2, 4, 8, 20))]
            for row in group:
                events[(row["position"],)] = row
            written += len(group)
            for name, relay in self._relays.items():
                if self.chance.random() < 0.7 and not self.processes[name].is_frozen:
                    relay.wake()
            seconds = WRITING_SECONDS / len(rows) * len(group)
            await asyncio.sleep(seconds * self.chance.uniform(0, 2))

    def start_everything(self) -> None:
        for service in ("projects", *self.consumers):
            for replica in ("a", "b"):
                self.start(f"{service} {replica}")

    def start(self, name: str) -> None:
        """Start a replica; what it remembers is nothing."""
        process = Process(self.loop, name)
        self.processes[name] = process
        self.all_processes.append(process)
        self._relays.pop(name, None)
        process.start(*self._loops(name.split()[0], name))

    def _loops(self, service: str, name: str) -> list[programs.Loop]:
        match service:
            case "projects":
                return [lambda: self._relay(name)]
            case "timeline":
                return [lambda: programs.timeline(self.servers, self.illness)()]
            case _:
                return [
                    lambda: programs.telling(self.servers, self.illness)(),
                    lambda: programs.delivering(self.servers, self.chance)(),
                ]

    def _relay(self, name: str) -> Coroutine[Any, Any, None]:
        self._relays[name], run = programs.projects(self.servers, self.chance)
        return run()

    # --- People ---

    async def sign_up(self) -> None:
        """Those who want to be told have always been there."""
        if "notifications" not in self.consumers:
            return

        async def sign_up() -> None:
            async with self.servers.notifications.pool(1).transaction() as connection:
                await people.sign_up(connection, BEGINNING)

        await self._another("people", sign_up).is_over()

    def call_operator(self) -> None:
        """Everything is calm, and what was ill is cured."""
        self.illness.cure()
        is_curable = not self.script.unreadable
        self.processes["operator"] = self._another(
            "operator", lambda: operate(self.servers, is_curable=is_curable)
        )

    def _another(self, name: str, loop: programs.Loop) -> Process:
        process = Process(self.loop, name)
        self.all_processes.append(process)
        process.start(loop)
        return process

    def close(self) -> None:
        for process in self.all_processes:
            process.kill()

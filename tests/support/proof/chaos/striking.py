"""The scheduler: one fault begins every few seconds, a few overlap, and none strikes what another one has in hand."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.support.proof.chaos.fault import Fault, Ground

OVERLAPPING_MAX = 3
FAULT_SECONDS_MAX = 120


@dataclass
class Striking:
    """`timeline` is what was done when, for whoever must understand what came of it."""

    ground: Ground
    chance: Random
    timeline: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._touched: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, plan: Sequence[Fault], every_seconds: float) -> None:
        """All of the plan, in its order but for what has to wait for another to end; raises what a fault raises."""
        waiting = list(plan)
        async with asyncio.TaskGroup() as running:
            while waiting:
                due = time.monotonic() + every_seconds
                fault = await self._possible(waiting)
                waiting.remove(fault)
                self._touched |= fault.touches
                task = running.create_task(self._strike(fault, Random(self.chance.random())))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _possible(self, waiting: Sequence[Fault]) -> Fault:
        """The next one that touches nothing that is struck already, as soon as there is one."""
        while True:
            if len(self._running) < OVERLAPPING_MAX:
                for fault in waiting:
                    if not fault.touches & self._touched:
                        return fault
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _strike(self, fault: Fault, chance: Random) -> None:
        began = self._note(f"begins  {fault.name}")
        try:
            async with asyncio.timeout(FAULT_SECONDS_MAX):
                await fault.strike(self.ground, chance)
        except BaseException as error:
            self._note(f"FAILS   {fault.name}: {error!r}"[:400])
            raise
        finally:
            self._touched -= fault.touches
        self.struck[fault.name] += 1
        self._note(f"is over {fault.name} ({time.monotonic() - began:.1f} s)")

    def _note(self, what: str) -> float:
        now = time.monotonic()
        self.timeline.append(f"{now - self._began:7.1f} s  {what}")
        return now

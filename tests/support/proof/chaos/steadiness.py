"""Whether the memory of processes stays what it is while they work: a line through what they held, and its slope."""

import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

from deploy.local.programs import SERVICES
from deploy.local.stack import Stack

SAMPLE_SECONDS = 1.0
# Caches and buffers fill in it.
WARM_UP_SHARE = 0.5
TEN_MINUTES = 600


@dataclass
class Memory:
    """Samples of one process: seconds since the first, and resident bytes."""

    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    @property
    def percent_in_ten_minutes(self) -> float:
        """How much it would grow in ten minutes, going on as it did after warming up."""
        first = int(len(self.seconds) * WARM_UP_SHARE)
        line = statistics.linear_regression(self.seconds[first:], self.resident[first:])
        return 100 * line.slope * TEN_MINUTES / statistics.fmean(self.resident[first:])


async def watched(stack: Stack, seconds: float) -> Mapping[str, Memory]:
    """The memory of each service, from now on for so long."""
    processes = {service: psutil.Process(stack.processes[service].pid) for service in SERVICES}
    memories = {service: Memory() for service in SERVICES}
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        for service, process in processes.items():
            memories[service].seconds.append(passed)
            memories[service].resident.append(process.memory_info().rss)
        await asyncio.sleep(SAMPLE_SECONDS)
    return memories

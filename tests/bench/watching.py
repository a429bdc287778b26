"""Who used the processors during a measurement: each part of the system, and whatever else ran on the machine."""

import os
import resource
import time

import psutil

from tests.bench.system import System


class Watch:
    """Counts from when it is made."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._used_before = system.processor_seconds()
        self._own_before = own_seconds()
        self._busy_before = busy_seconds()
        self._started = time.monotonic()

    def used(self) -> dict[str, float]:
        """Processor seconds of each part of the system."""
        return {
            name: seconds - self._used_before.get(name, 0.0)
            for name, seconds in self._system.processor_seconds().items()
        }

    def others(self) -> float:
        """The share of the machine that was taken by what is neither the system nor the bench, or by its host."""
        seconds = time.monotonic() - self._started
        ours = sum(self.used().values()) + own_seconds() - self._own_before
        taken = busy_seconds() - self._busy_before - ours
        return max(0.0, taken) / (seconds * (os.cpu_count() or 1))


def own_seconds() -> float:
    """Of this process and of the load generators that have ended."""
    usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def busy_seconds() -> float:
    """Of all processors together since the machine started; what its host withheld counts as busy."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)

"""What the whole of `make run` costs while nobody asks for anything: processor time, and memory of each process."""

import time
from collections.abc import Iterator

import psutil

from tests.bench.figures import Figure, Limit, Report
from tests.bench.system import System

SETTLING_SECONDS = 5.0
PERCENT_MAX = 3.0
MIB_MAX = 450.0
SHOWN_PERCENT_MIN = 0.05
GROUP = "at rest: everything `make run` starts"


def measure(system: System, report: Report, rounds: int, seconds: float) -> None:
    report.say("at rest")
    time.sleep(SETTLING_SECONDS)
    shares = [_shares(system, seconds) for _ in range(rounds)]
    memory = _memory(system)
    sums = [sum(each.values()) for each in shares]
    told = ", ".join(
        f"{name} {share:.1f}" for name, share in sorted(shares[-1].items()) if share >= SHOWN_PERCENT_MIN
    )
    report.add(
        Figure(GROUP, "processor", "% of a core", sums, Limit(at_most=PERCENT_MAX), told),
        Figure(
            GROUP,
            "memory, shared pages counted once",
            "MiB",
            [sum(memory.values())],
            Limit(at_most=MIB_MAX),
            ", ".join(f"{name} {mib:.0f}" for name, mib in memory.items()),
        ),
    )


def _shares(system: System, seconds: float) -> dict[str, float]:
    """Percent of one core, of each part of the system."""
    before, started = system.processor_seconds(), time.monotonic()
    time.sleep(seconds)
    after, passed = system.processor_seconds(), time.monotonic() - started
    return {name: 100 * (used - before.get(name, 0.0)) / passed for name, used in after.items()}


def _memory(system: System) -> dict[str, float]:
    """MiB of each process; what several share counts for each in part."""
    return {
        name: sum(_proportional_mib(each) for each in _family(process.pid))
        for name, process in system.stack.processes.items()
        if process.alive
    }


def _family(pid: int) -> Iterator[psutil.Process]:
    process = psutil.Process(pid)
    yield process
    yield from process.children(recursive=True)


def _proportional_mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0

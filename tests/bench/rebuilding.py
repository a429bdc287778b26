"""Rebuilding read models from the log, each by itself and all in one pass, with what it takes of memory.

Beside it, in the same rounds, `eventsourcing` folds its log into one table, by its runner and by hand in batches.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local import programs
from services.timeline.projections import PROJECTIONS
from tests.bench.copying import copy_events
from tests.bench.figures import Figure, Limit, Report, ratios
from tests.bench.other_projecting import PAGE_EVENTS, Rates, rates
from tests.bench.profiling import profiled
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import System
from tests.bench.watching import Watch

EVENTS_MIN = 40_000
TIMES_THE_RUNNER_MIN = 10
MEMORY_MIB_MAX = 256
# The peer's rates do not depend on how long its log is; filling it takes longer than folding it.
PEER_EVENTS, PEER_EVENTS_OF_RUNNER = 50_000, 3_000
ALL = "all"
PROFILE_SECONDS_MAX = 60
TOLD = re.compile(r"([\d,]+) events in [\d.,]+ s \(([\d,]+) events/s\)")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`rate` as the command tells it, `seconds` from the start of the process to its end.

    `processor_seconds` are the command's own, `served_seconds` those of the log's feed and of PostgreSQL for it.
    """

    rate: float
    seconds: float
    processor_seconds: float
    served_seconds: float
    memory_mib: float


def measure(system: System, report: Report, rounds: int, events: int, *, is_profiled: bool) -> None:
    ledger = Ledger(system.head)
    if system.head < events:
        copy_events(system.stack.whereabouts.database_dsn("projects"), events - system.head)
        ledger.enter(events - ledger.head_before)
    head = system.head
    system.await_projected(head)
    names = [*PROJECTIONS, ALL]
    rebuilt: dict[str, list[Rebuilt]] = {name: [] for name in names}
    peers: list[Rates] = []
    for number in range(1, rounds + 1):
        for name in names:
            report.say(f"rebuild of {name}, round {number} of {rounds}")
            rebuilt[name].append(rebuild(system, name))
        report.say(f"the peer, round {number} of {rounds}")
        peers.append(rates(system.peer_dsn(), PEER_EVENTS, PEER_EVENTS_OF_RUNNER))
    if is_profiled:
        _profile(system, report, head)
    report.reconciled.append(reconcile(system, ledger, "rebuilding"))
    report.add(*figures(rebuilt, head), *peer_figures(rebuilt, peers, head))


def rebuild(system: System, name: str) -> Rebuilt:
    """Run the operator's command and wait for it."""
    started, watch = time.monotonic(), Watch(system)
    process = _started(system, name)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    served = watch.used()
    process.returncode = os.waitstatus_to_exitcode(status)
    output = _output(system).read_text()
    assert process.returncode == 0, f"the rebuild of {name} failed: {output[-2000:]}"
    ((_, rate),) = TOLD.findall(output)
    return Rebuilt(
        rate=number(rate),
        seconds=seconds,
        processor_seconds=used.ru_utime + used.ru_stime,
        served_seconds=sum(
            value for part, value in served.items() if part.startswith(("projects", "postgres"))
        ),
        memory_mib=used.ru_maxrss / 1024,
    )


def number(text: str) -> float:
    return float(text.replace(",", ""))


def figures(rebuilt: dict[str, list[Rebuilt]], head: int) -> Sequence[Figure]:
    group = _group(head)
    limit = Limit(at_least=EVENTS_MIN)
    made = []
    for name, measured in rebuilt.items():
        median = sorted(measured, key=lambda each: each.seconds)[len(measured) // 2]
        own, served = (1e6 * each / head for each in (median.processor_seconds, median.served_seconds))
        beside = (
            f"own {own:.0f}, feed and PostgreSQL {served:.0f} µs/event; {median.seconds:.1f} s with its start"
        )
        what = f"all {len(PROJECTIONS)} in one pass" if name == ALL else name
        made.append(Figure(group, what, "/s", [each.rate for each in measured], limit, beside))
    memory = [max(each.memory_mib for each in measured) for measured in rebuilt.values()]
    return [
        *made,
        Figure(group, "most memory of a process", "MiB", [max(memory)], Limit(at_most=MEMORY_MIB_MAX)),
    ]


def peer_figures(rebuilt: dict[str, list[Rebuilt]], peers: Sequence[Rates], head: int) -> Iterator[Figure]:
    """Beside the peer's one table: everything in one pass, and the slowest of the read models by itself."""
    group = _group(head)
    runner, batches = [each.runner for each in peers], [each.batches for each in peers]
    in_one_pass = [each.rate for each in rebuilt[ALL]]
    alone = [[each.rate for each in measured] for name, measured in rebuilt.items() if name != ALL]
    slowest = [min(of_a_round) for of_a_round in zip(*alone, strict=True)]
    limit = Limit(at_least=TIMES_THE_RUNNER_MIN)
    one_table = "one table of current rows"
    yield Figure(group, "eventsourcing's ProjectionRunner", "/s", runner, beside=one_table)
    by_hand = f"{one_table}, {PAGE_EVENTS:,} a transaction"
    yield Figure(group, "eventsourcing, in batches by hand", "/s", batches, beside=by_hand)
    for what, own in (("all in one pass", in_one_pass), ("the slowest by itself", slowest)):
        yield Figure(group, f"{what} ÷ the runner", "×", ratios(own, runner), limit)
        yield Figure(group, f"{what} ÷ by hand", "×", ratios(own, batches))


def _group(head: int) -> str:
    return f"rebuild from the log, {head:,} events"


def _profile(system: System, report: Report, head: int) -> None:
    for name in ("milestone_history", "issue_history", "activity"):
        process = _started(system, name)
        with profiled(process.pid, PROFILE_SECONDS_MAX, report.profiles, f"rebuild of {name}"):
            assert process.wait() == 0


def _started(system: System, name: str) -> subprocess.Popen[bytes]:
    settings = system.stack.settings("timeline", administrator=True)
    with _output(system).open("wb") as output:
        return subprocess.Popen(
            programs.command("timeline", "rebuild", name),
            env={**os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _output(system: System) -> Path:
    return system.stack.whereabouts.log("rebuild")

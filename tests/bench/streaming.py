"""Events to 200 readers who hold streams open: how many arrive a second, what each costs, and how late it is."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from deploy.local.ports import LOOPBACK
from tests.bench import filling
from tests.bench.figures import Figure, Report, percentile
from tests.bench.listening import Heard, Plan, heard, readers
from tests.bench.one_client import OneClient
from tests.bench.reconciling import NotReconciled
from tests.bench.system import System
from tests.bench.world import plan_milestones

READERS = 200
MILESTONES = 20
PAUSE_SECONDS = (0.02, 0.06)
GROUP = f"events to {READERS} readers of streams"


@dataclass
class Rounds:
    """A value for each round."""

    rates: list[float] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)
    delays: list[list[float]] = field(default_factory=list)
    delivered: int = 0


def measure(system: System, report: Report, rounds: int, events: int, commands: int) -> None:
    measured = Rounds()
    for number in range(1, rounds + 1):
        report.say(f"streams, round {number} of {rounds}")
        alone = processor_seconds_of(system, lambda: fill(system, events))
        told: list[tuple[float, Heard]] = []
        used = processor_seconds_of(system, lambda told=told: told.append(deliver(system, events)))  # type: ignore[misc]
        started, all_told = told[0]
        expect(measured, all_told, events)
        measured.rates.append(all_told.delivered / (all_told.ended - started))
        measured.microseconds.append(1e6 * (used - alone) / all_told.delivered)
        measured.delays.append(follow(system, commands, measured).delays)
    report.add(*figures(measured))
    report.reconciled.append(f"streams: {measured.delivered:,} events delivered, each once to each reader")


def deliver(system: System, events: int) -> tuple[float, Heard]:
    """Fill the log while everybody listens; when that began, and what they heard."""
    with readers(plan(system, filling.ORG_ID, events)) as process:
        started = time.monotonic()
        fill(system, events)
        return started, heard(process)


def follow(system: System, commands: int, measured: Rounds) -> Heard:
    """One client gives about twenty commands a second, which every reader hears of."""
    milestones = plan_milestones(system, MILESTONES)
    with (
        readers(plan(system, milestones.org_id, commands)) as process,
        OneClient(system.port("projects")) as client,
    ):
        for number in range(commands):
            time.sleep(random.uniform(*PAUSE_SECONDS))
            milestone_id = milestones.ids[number % len(milestones.ids)]
            client.ask(milestones.reforecast(milestone_id, milestones.next_day()))
        told = heard(process)
    expect(measured, told, commands)
    return told


def plan(system: System, org_id: UUID, events: int) -> Plan:
    """Every reader is another person, each of whom sees everything."""
    whereabouts = system.stack.whereabouts
    tokens = [whereabouts.token(org_id=org_id, actor=uuid4()) for _ in range(READERS)]
    return Plan(LOOPBACK, system.port("projects"), tokens, events)


def fill(system: System, events: int) -> None:
    filling.fill(system.stack.whereabouts.dsn("projects_service"), events)


def processor_seconds_of(system: System, work: Callable[[], None]) -> float:
    """What projects uses meanwhile, until the relay has come to the end as well."""
    before = system.processor_seconds()["projects"]
    work()
    system.await_projected(system.head)
    return system.processor_seconds()["projects"] - before


def expect(measured: Rounds, told: Heard, events: int) -> None:
    if told.delivered != READERS * events:
        raise NotReconciled(f"{told.delivered} events delivered, not {READERS * events}")
    measured.delivered += told.delivered


def figures(measured: Rounds) -> list[Figure]:
    delays = [[1e3 * delay for delay in delays] for delays in measured.delays]
    return [
        Figure(GROUP, "delivered while the log is filled", "/s", measured.rates),
        Figure(GROUP, "processor time of projects for each", "µs", measured.microseconds),
        *(
            Figure(
                GROUP,
                f"recorded → arrived, p{share * 100:.0f}",
                "ms",
                [percentile(each, share) for each in delays],
                beside="~20 commands/s",
            )
            for share in (0.5, 0.99)
        ),
    ]

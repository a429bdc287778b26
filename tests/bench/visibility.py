"""From a command to its effect in timeline, for one client with twenty commands a second, alone and beside others."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deploy.local.ports import LOOPBACK, any_free_port
from tests.bench import bare
from tests.bench.bare_server import bare_server
from tests.bench.figures import Figure, Limit, Report, percentile
from tests.bench.one_client import OneClient
from tests.bench.pressure import Plan, press, request
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import System
from tests.bench.world import Milestones, plan_milestones

MILESTONES = 20
PAUSE_SECONDS = (0.02, 0.06)
VISIBLE_P50_MAX, VISIBLE_P99_MAX = 5.0, 12.0
CROWDED_P99_MAX = 100.0
CONNECTIONS = 32
MILESTONES_PER_CONNECTION = 4
PEAK_SECONDS = 3.0
# What one command of the client takes at most, beside others, its pause included.
COMMAND_SECONDS = 0.15
OUTLIER_MILLISECONDS = 100.0
WAIT_HEADER = "Prefer: wait=5"
GROUP = "command → visible in timeline, one client, ~20 commands/s"
CROWDED_GROUP = f"the same beside {CONNECTIONS} connections at half the peak rate"


@dataclass
class Waits:
    """Milliseconds, a value for each command."""

    bare: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)


def measure(system: System, report: Report, rounds: int, commands: int) -> None:
    milestones = plan_milestones(system, MILESTONES)
    ledger = Ledger(system.head)
    port = any_free_port()
    process = bare_server(port, system.stack.whereabouts.log("bare"))
    try:
        follow(system, milestones, ledger, port, MILESTONES)
        waits = []
        for number in range(1, rounds + 1):
            report.say(f"visibility, round {number} of {rounds}")
            waits.append(follow(system, milestones, ledger, port, commands))
        crowded, rate = beside_others(system, report, ledger, port, rounds, commands // 2)
    finally:
        process.stop()
    report.reconciled.append(reconcile(system, ledger, "one client"))
    report.add(*figures(waits, GROUP, (VISIBLE_P50_MAX, VISIBLE_P99_MAX)))
    report.add(*figures(crowded, f"{CROWDED_GROUP}, {rate:.0f}/s", (None, CROWDED_P99_MAX)))


def beside_others(
    system: System, report: Report, ledger: Ledger, bare_port: int, rounds: int, commands: int
) -> tuple[list[Waits], float]:
    """Waits while many others change milestones at half the rate the whole path can keep up; and that rate."""
    crowd = plan_milestones(system, CONNECTIONS * MILESTONES_PER_CONNECTION)
    own = plan_milestones(system, MILESTONES)
    ledger.head_before, ledger.recorded = system.head, 0
    host, port = LOOPBACK, system.port("projects")
    peak = press(Plan(host, port, PEAK_SECONDS, crowd.reforecasts(CONNECTIONS)))
    seconds = system.await_projected(max(peak.positions)) - peak.started
    ledger.enter(peak.requests, peak.positions)
    rate = peak.requests / seconds / 2
    waits = []
    for number in range(1, rounds + 1):
        report.say(f"visibility beside {rate:.0f} other commands/s, round {number} of {rounds}")
        plan = Plan(host, port, COMMAND_SECONDS * commands, crowd.reforecasts(CONNECTIONS), rate)
        with ThreadPoolExecutor(1) as threads:
            pressing = threads.submit(press, plan)
            waits.append(follow(system, own, ledger, bare_port, commands))
            pressed = pressing.result()
        assert not pressed.refused, f"{pressed.refused} requests were refused"
        ledger.enter(pressed.requests, pressed.positions)
    return waits, rate


def follow(system: System, milestones: Milestones, ledger: Ledger, bare_port: int, count: int) -> Waits:
    """Give commands, and ask timeline for each until it is there. The pauses differ, so that they hide no polling."""
    waits = Waits()
    post = request("POST", "/things", bare.BODY)
    ports = (bare_port, system.port("projects"), system.port("timeline"))
    with OneClient(ports[0]) as bare_client, OneClient(ports[1]) as projects, OneClient(ports[2]) as timeline:
        for number in range(count):
            time.sleep(random.uniform(*PAUSE_SECONDS))
            started = time.monotonic()
            waits.bare.append(1e3 * (bare_client.ask(post).at - started))
            milestone_id = milestones.ids[number % len(milestones.ids)]
            day = milestones.next_day()
            command = milestones.reforecast(milestone_id, day)
            started = time.monotonic()
            acknowledged = projects.ask(command)
            path = f"/v1/timeline/milestones/{milestone_id}?min_position={acknowledged.position}"
            seen = timeline.ask(request("GET", path, token=milestones.token, headers=[WAIT_HEADER]))
            assert day.isoformat().encode() in seen.body, "timeline answered without what was acknowledged"
            waits.acknowledged.append(1e3 * (acknowledged.at - started))
            waits.visible.append(1e3 * (seen.at - started))
            ledger.enter(1, [acknowledged.position])
    return waits


def figures(
    waits: Sequence[Waits], group: str, visible_milliseconds_max: tuple[float | None, float | None]
) -> list[Figure]:
    """Percentiles of each round; beside them those of all rounds together, and how many took unusually long."""
    limits = tuple(None if most is None else Limit(at_most=most) for most in visible_milliseconds_max)
    lines = [
        ("bare FastAPI POST", [each.bare for each in waits], (None, None)),
        ("acknowledged", [each.acknowledged for each in waits], (None, None)),
        ("visible", [each.visible for each in waits], limits),
    ]
    return [
        Figure(
            group,
            f"{what}, p{share * 100:.0f}",
            "ms",
            [percentile(sorted(values), share) for values in rounds],
            limit,
            _together(rounds, share),
        )
        for what, rounds, bounds in lines
        for share, limit in zip((0.5, 0.99), bounds, strict=True)
    ]


def _together(rounds: Sequence[Sequence[float]], share: float) -> str:
    every = sorted(value for values in rounds for value in values)
    slow = sum(value > OUTLIER_MILLISECONDS for value in every)
    told = f"of all {len(every)}: {percentile(every, share):.1f} ms"
    return (
        told
        if share < 0.9
        else f"{told}, longest {every[-1]:.0f} ms, {slow} over {OUTLIER_MILLISECONDS:.0f} ms"
    )

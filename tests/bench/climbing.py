"""Requests of every size, and five hundred slow ones: what they cost everybody else, and what they take of memory."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from tests.bench.figures import Figure, Limit, Report
from tests.bench.system import System
from tests.bench.world import Milestones, plan_milestones
from tests.support.bystanders import Bystanders, bystanders
from tests.support.size_ladder import MIB, climb, rungs, slow_clients

P99_MILLISECONDS_MAX = 250.0
GROWTH_MIB_MAX = 64.0
# One climb is over in a few seconds, which is too short for a percentile.
CLIMBS = 5
GROUP = "while somebody sends too much: a plain GET of everybody else"

Misbehave = Callable[[int], Coroutine[Any, Any, object]]


def measure(system: System, report: Report, rounds: int) -> None:
    world = plan_milestones(system, 1)
    system.await_projected(system.head)
    milestone = f"milestones/{world.ids[0]}"
    paths = {
        "projects": f"/v1/{milestone}",
        "timeline": f"/v1/timeline/{milestone}",
        "notifications": "/v1/notifications/inbox",
    }
    for service, path in paths.items():
        steps = list(rungs(service, world.token))
        report.say(f"{service}: {len(steps)} sizes")
        seen = [
            _seen(system, world, service, path, partial(climb, steps=steps * CLIMBS)) for _ in range(rounds)
        ]
        _tell(report, f"{service}, {len(steps)} sizes", seen)
    report.say("projects: 500 slow clients")
    slowly = partial(slow_clients, token=world.token)
    slow = [_seen(system, world, "projects", paths["projects"], slowly) for _ in range(rounds)]
    _tell(report, "projects, 500 slow clients", slow)


def _seen(system: System, world: Milestones, service: str, path: str, misbehave: Misbehave) -> Bystanders:
    async def watched() -> Bystanders:
        port = urlsplit(system.stack.url(service)).port or 0
        pid = system.stack.processes[service].pid
        async with bystanders(port, pid, path, world.token) as seen:
            await misbehave(port)
        return seen

    return asyncio.run(watched())


def _tell(report: Report, what: str, seen: list[Bystanders]) -> None:
    count = sum(len(each.gets.seconds) for each in seen)
    refused = sum(len(each.gets.refused) for each in seen)
    p99s = [each.gets.p99_seconds * 1_000 for each in seen]
    growth = [each.growth_bytes / MIB for each in seen]
    beside = f"{count} GETs, {refused} of them refused"
    report.add(
        Figure(GROUP, f"{what}: p99", "ms", p99s, Limit(at_most=P99_MILLISECONDS_MAX), beside),
        Figure(GROUP, f"{what}: memory of the service", "MiB more", growth, Limit(at_most=GROWTH_MIB_MAX)),
    )

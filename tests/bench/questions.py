"""Questions to timeline, now and as of then, beside one row by its primary key through the same stack."""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from time import monotonic

from deploy.local import programs
from deploy.local.ports import any_free_port
from deploy.local.processes import ChildProcess
from tests.bench.figures import percentile
from tests.bench.filling import ORG_ID
from tests.bench.one_client import OneClient
from tests.bench.pressure import request
from tests.bench.system import System

YARDSTICK = "a row by its primary key"
ENTITIES = 200
WARM_UP = 50
START_SECONDS_MAX = 30

INSTANT = """
select to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
from moments_v1.moments where position >= %s order by position limit 1
"""

Milliseconds = Sequence[float]


def answer_times(system: System, count: int) -> Mapping[str, Milliseconds]:
    """How long each kind of question took, `count` times, in turn with all the others; from one client."""
    with plain_server(system) as plain_port:
        asked = {name: cycle(paths) for name, paths in questions(system).items()}
        ports = {name: system.port("timeline") for name in asked} | {YARDSTICK: plain_port}
        token = system.token(ORG_ID)
        with OneClient(plain_port) as plain, OneClient(system.port("timeline")) as timeline:
            clients = {plain_port: plain, system.port("timeline"): timeline}
            times: dict[str, list[float]] = {name: [] for name in asked}
            for number in range(WARM_UP + count):
                for name, paths in asked.items():
                    question = request("GET", next(paths), token=token)
                    started = monotonic()
                    answer = clients[ports[name]].ask(question)
                    if number >= WARM_UP:
                        times[name].append(1e3 * (answer.at - started))
    return times


def questions(system: System) -> dict[str, Sequence[str]]:
    """Paths of each kind, about entities from all over the log and as of positions after they were made."""
    chance = random.Random(system.head)
    milestones = _entities(system, "milestone", chance)
    issues = _entities(system, "issue", chance)
    then = [(*each, system.ask("timeline", INSTANT, each[1])[0][0]) for each in milestones]
    return {
        YARDSTICK: [f"/v1/rows/{each}" for each, _ in milestones],
        "a milestone now": [f"/v1/timeline/milestones/{each}" for each, _ in milestones],
        "a milestone as of a position": [
            f"/v1/timeline/milestones/{each}?as_of={position}" for each, position, _ in then
        ],
        "a milestone as of an instant": [
            f"/v1/timeline/milestones/{each}?as_of={recorded_at}" for each, _, recorded_at in then
        ],
        "an issue now": [f"/v1/timeline/issues/{each}" for each, _ in issues],
        "an issue as of a position": [
            f"/v1/timeline/issues/{each}?as_of={position}" for each, position in issues
        ],
    }


def _entities(system: System, kind: str, chance: random.Random) -> Sequence[tuple[str, int]]:
    """Some of that kind, each with a position at which it was there."""
    found = system.ask(
        "timeline",
        f"select {kind}_id, known_from from {kind}_history_v1.{kind}s where org_id = %s order by {kind}_id",
        ORG_ID,
    )
    some = chance.sample(found, min(ENTITIES, len(found)))
    return [(str(entity_id), int(str(position))) for entity_id, position in some]


@contextmanager
def plain_server(system: System) -> Iterator[int]:
    port = any_free_port()
    listening = {"MILEPOST_PORT": str(port), "MILEPOST_METRICS_PORT": str(any_free_port())}
    process = ChildProcess(
        name="plain reading",
        command=[sys.executable, "-m", "tests.bench.plain_reading"],
        log=system.stack.whereabouts.log("plain-reading"),
        environment={**system.stack.settings("timeline"), **listening},
    )
    process.start()
    try:
        process.wait_until(lambda: programs.is_ready(f"http://127.0.0.1:{port}"), START_SECONDS_MAX)
        yield port
    finally:
        process.stop()


def p50_and_p99(times: Milliseconds) -> tuple[float, float]:
    ordered = sorted(times)
    return percentile(ordered, 0.5), percentile(ordered, 0.99)

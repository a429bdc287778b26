"""After the load the log, the stream, checkpoints, read models and what clients were told agree to the event.

If they do not, the run fails: nothing may be lost or doubled.
"""

from dataclasses import dataclass, field
from typing import Protocol

from services.timeline.projections import PROJECTIONS

# Tables of read models that have one row for each event of an aggregate.
CHANGES = {
    "project_history": "project_changes",
    "milestone_history": "milestone_changes",
    "issue_history": "issue_changes",
}


class Countable(Protocol):
    """A system that can be counted; `System` is one."""

    @property
    def head(self) -> int: ...
    def number(self, service: str, statement: str) -> int: ...
    def checkpoints(self) -> dict[str, int]: ...
    def await_projected(self, position: int) -> float: ...
    def stream_last_sequence(self) -> int: ...


class NotReconciled(Exception):
    """Something was lost or doubled."""


@dataclass
class Ledger:
    """What clients were told: how many events their commands recorded, and under which positions."""

    head_before: int
    recorded: int = 0
    positions: list[int] = field(default_factory=list)

    def enter(self, recorded: int, positions: list[int] | None = None) -> None:
        self.recorded += recorded
        self.positions += positions or []


def reconcile(system: Countable, ledger: Ledger, what: str) -> str:
    """Hold everything against the log; returns what agreed in one sentence, raises `NotReconciled`."""
    head = system.head
    system.await_projected(head)
    counted = {
        "events in the log": system.number("projects", "select count(*) from events"),
        "last sequence of the stream": system.stream_last_sequence(),
        "before the load and recorded for clients": ledger.head_before + ledger.recorded,
        "sentences in the activity feed": system.number(
            "timeline", "select count(*) from activity_v1.activity"
        ),
        **{f"checkpoint of {name}": position for name, position in system.checkpoints().items()},
        "changes in the histories": sum(_rows(system, title, table) for title, table in CHANGES.items()),
    }
    wrong = {name: count for name, count in counted.items() if count != head}
    if wrong:
        raise NotReconciled(f"{what}: the log's head is {head}, but {wrong}")
    if len(set(ledger.positions)) != len(ledger.positions) or max(ledger.positions, default=0) > head:
        raise NotReconciled(f"{what}: a position was given to two commands, or does not exist")
    parked = system.number("timeline", "select count(*) from parked_events")
    if parked:
        raise NotReconciled(f"{what}: {parked} events are parked")
    return f"{what}: {ledger.recorded:,} events of clients, {len(counted)} counts at {head:,}"


def _rows(system: Countable, title: str, table: str) -> int:
    schema = PROJECTIONS[title]().name
    return system.number("timeline", f"select count(*) from {schema}.{table}")

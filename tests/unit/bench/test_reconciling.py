"""A run whose counts do not agree is not a run: each place where an event could be missing is held against the log."""

from dataclasses import dataclass, field

import pytest

from tests.bench.reconciling import Ledger, NotReconciled, reconcile


@dataclass
class Counted:
    """A system as it is after ten events, five of them of clients, unless told otherwise."""

    head: int = 10
    rows: dict[str, int] = field(default_factory=dict)
    stream: int = 10
    checkpoint: int = 10

    def number(self, service: str, statement: str) -> int:
        table = statement.rpartition(".")[2].rpartition(" ")[2]
        return self.rows.get(table, AGREED[table])

    def checkpoints(self) -> dict[str, int]:
        return {"activity_v1": self.checkpoint, "notifications": 10}

    def await_projected(self, position: int) -> float:
        return 0.0

    def stream_last_sequence(self) -> int:
        return self.stream


AGREED = {
    "events": 10,
    "activity": 10,
    "project_changes": 1,
    "milestone_changes": 4,
    "issue_changes": 5,
    "parked_events": 0,
}


def ledger(recorded: int = 5, positions: tuple[int, ...] = (6, 7, 8, 9, 10)) -> Ledger:
    return Ledger(5, recorded, list(positions))


def test_counts_that_agree_are_told() -> None:
    assert reconcile(Counted(), ledger(), "load").startswith("load: 5 events of clients")


@pytest.mark.parametrize(
    "system",
    [
        Counted(rows={"events": 9}),
        Counted(rows={"activity": 9}),
        Counted(rows={"issue_changes": 6}),
        Counted(rows={"parked_events": 1}),
        Counted(stream=9),
        Counted(checkpoint=9),
    ],
    ids=["log", "activity", "histories", "parked", "stream", "checkpoint"],
)
def test_one_event_too_few_or_too_many_anywhere_fails_the_run(system: Counted) -> None:
    with pytest.raises(NotReconciled):
        reconcile(system, ledger(), "load")


def test_an_acknowledged_command_that_is_not_in_the_log_fails_the_run() -> None:
    with pytest.raises(NotReconciled):
        reconcile(Counted(), ledger(recorded=6), "load")


def test_a_position_given_to_two_commands_fails_the_run() -> None:
    with pytest.raises(NotReconciled):
        reconcile(Counted(), ledger(positions=(6, 7, 8, 9, 9)), "load")


def test_a_position_behind_the_head_fails_the_run() -> None:
    with pytest.raises(NotReconciled):
        reconcile(Counted(), ledger(positions=(6, 7, 8, 9, 11)), "load")

"""What clients remember is held against the log: a log and a ledger, spoiled one way at a time."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.support.proof.invariants import every_command_is_in_the_log_as_its_client_was_told
from tests.support.proof.ledger import Asked, Fate, Ledger, Told

ORG, ACTOR, PROJECT = UUID(int=1), UUID(int=2), UUID(int=3)
MILESTONE = f"milestone-{UUID(int=4)}"
Log = list[dict[str, Any]]


def event(position: int, version: int, event_type: str, **data: Any) -> dict[str, Any]:
    return {
        "position": position,
        "recorded_at": f"2026-01-05T09:00:{position:02}+00:00",
        "effective_at": f"2026-01-05T09:00:{position:02}+00:00",
        "event_id": str(UUID(int=100 + position)),
        "org_id": str(ORG),
        "project_id": str(PROJECT),
        "actor": str(ACTOR),
        "on_behalf_of": None,
        "stream": MILESTONE,
        "version": version,
        "type": event_type,
        "data": data,
    }


def log() -> Log:
    return [
        event(1, 1, "milestone.planned", project_id=str(PROJECT), name="Power is on", description="key-1"),
        event(2, 2, "milestone.reforecast", forecast_on="2026-06-01", reason="key-2"),
        event(
            3,
            3,
            "milestone.reforecast",
            forecast_on="2026-07-01",
            forecast_on_before="2026-06-01",
            reason="key-3",
        ),
    ]


def ledger() -> Ledger:
    """Three commands that were acknowledged, one that was refused, and one nobody knows of."""
    kept = Ledger()
    for number in range(1, 6):
        entry = kept.ask(Asked(f"key-{number}", ORG, ACTOR, MILESTONE, "/v1/milestones", {}))
        if number <= 3:
            kept.tell(entry, Told(200, b"{}", number, number))
    kept.tell(kept.entries["key-4"], Told(409, b"{}", code="milestone_already_achieved"))
    return kept


def test_what_is_right_passes() -> None:
    every_command_is_in_the_log_as_its_client_was_told(log(), ledger())


def test_a_command_of_unknown_fate_may_be_in_the_log_or_not() -> None:
    found = [*log(), event(4, 4, "milestone.cancelled", reason="key-5", state_before="planned")]
    every_command_is_in_the_log_as_its_client_was_told(found, ledger())


def lost(found: Log, _: Ledger) -> None:
    found.pop()


def doubled(found: Log, _: Ledger) -> None:
    found.append(event(4, 4, "milestone.cancelled", reason="key-3", state_before="planned"))


def refused_and_recorded(found: Log, _: Ledger) -> None:
    found.append(event(4, 4, "milestone.cancelled", reason="key-4", state_before="planned"))


def from_nobody(found: Log, _: Ledger) -> None:
    found.append(event(4, 4, "milestone.cancelled", reason="Just so.", state_before="planned"))


def told_another_place(_: Log, kept: Ledger) -> None:
    kept.entries["key-3"].answers[0] = Told(200, b"{}", 2, 3)


def told_two_things(_: Log, kept: Ledger) -> None:
    kept.tell(kept.entries["key-3"], Told(200, b'{"other":1}', 3, 3))


def of_somebody_else(found: Log, _: Ledger) -> None:
    found[-1]["actor"] = str(UUID(int=9))


@pytest.mark.parametrize(
    "spoil",
    [
        *(lost, doubled, refused_and_recorded, from_nobody),
        *(told_another_place, told_two_things, of_somebody_else),
    ],
)
def test_what_is_wrong_is_found(spoil: Callable[[Log, Ledger], None]) -> None:
    found, kept = log(), ledger()
    spoil(found, kept)
    with pytest.raises(AssertionError):
        every_command_is_in_the_log_as_its_client_was_told(found, kept)


def test_the_fates_are_told_apart() -> None:
    kept = ledger()
    assert [entry.fate for entry in kept.entries.values()] == [
        *[Fate.ACKNOWLEDGED] * 3,
        Fate.REFUSED,
        Fate.UNKNOWN,
    ]


def test_an_event_without_words_belongs_to_whom_was_told_of_it_not_to_whom_changed_nothing_after_it() -> None:
    somebody_else = UUID(int=9)
    kept, joined = Ledger(), event(1, 1, "member.joined", role="admin")
    idle, active = (
        kept.ask(Asked(key, ORG, actor, MILESTONE, "/v1/members", {}))
        for key, actor in (("idle", somebody_else), ("active", ACTOR))
    )
    kept.tell(idle, Told(200, b"{}", 4, 1))
    kept.tell(active, Told(201, b"{}", 1, 1))
    assert kept.key_of(joined) == "active"


def joined_late(by: UUID = ACTOR, role: str = "admin", is_left_behind: bool = True, times: int = 1) -> None:
    """A command without words is refused, and recorded by a process that was frozen when its client asked it."""
    kept = Ledger()
    entry = kept.ask(Asked("late", ORG, ACTOR, MILESTONE, "/v1/members/grant-role", {"role": "admin"}))
    entry.is_left_behind = is_left_behind
    kept.tell(entry, Told(409, b"{}", code="member_unknown"))
    granted = [event(number, number, "member.role_granted", role=role) for number in range(1, times + 1)]
    for each in granted:
        each["actor"] = str(by)
    every_command_is_in_the_log_as_its_client_was_told(granted, kept)


def test_what_a_frozen_process_accepts_when_it_wakes_up_is_found_by_what_was_wished_for() -> None:
    joined_late()


@pytest.mark.parametrize(
    "otherwise", [{"by": UUID(int=9)}, {"role": "member"}, {"is_left_behind": False}, {"times": 2}], ids=str
)
def test_an_event_that_no_late_command_wished_for_is_nobodys(otherwise: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="nobody asked for"):
        joined_late(**otherwise)

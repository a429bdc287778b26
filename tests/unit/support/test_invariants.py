"""The checker of the fault campaigns finds what it exists to find: a log and a ledger, spoiled one way at a time."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest

from tests.support import reference_fold, reference_rules
from tests.support.proof.invariants import (
    every_command_is_in_the_log_as_its_client_was_told,
    positions_have_no_gap,
    versions_of_each_stream_have_no_gap,
)
from tests.support.proof.ledger import Asked, Fate, Ledger, Told
from tests.support.reference_state import LogContradicted

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


def check(found: Log, kept: Ledger) -> None:
    positions_have_no_gap(found)
    versions_of_each_stream_have_no_gap(found)
    every_command_is_in_the_log_as_its_client_was_told(found, kept)
    reference_fold.fold(found)


def test_what_is_right_passes() -> None:
    check(log(), ledger())


def test_a_command_of_unknown_fate_may_be_in_the_log_or_not() -> None:
    check([*log(), event(4, 4, "milestone.cancelled", reason="key-5", state_before="planned")], ledger())


def lost(found: Log, _: Ledger) -> None:
    found.pop()


def doubled(found: Log, _: Ledger) -> None:
    found.append(event(4, 4, "milestone.cancelled", reason="key-3", state_before="planned"))


def refused_and_recorded(found: Log, _: Ledger) -> None:
    found.append(event(4, 4, "milestone.cancelled", reason="key-4", state_before="planned"))


def from_nobody(found: Log, _: Ledger) -> None:
    found.append(event(4, 4, "milestone.cancelled", reason="Just so.", state_before="planned"))


def gap_in_positions(found: Log, _: Ledger) -> None:
    found[-1]["position"] += 1


def gap_in_versions(found: Log, _: Ledger) -> None:
    found[-1]["version"] += 1


def time_running_backwards(found: Log, _: Ledger) -> None:
    found[-1]["recorded_at"] = found[0]["recorded_at"].replace("09:", "08:")


def told_another_place(_: Log, kept: Ledger) -> None:
    kept.entries["key-3"].answers[0] = Told(200, b"{}", 2, 3)


def told_two_things(_: Log, kept: Ledger) -> None:
    kept.tell(kept.entries["key-3"], Told(200, b'{"other":1}', 3, 3))


def of_somebody_else(found: Log, _: Ledger) -> None:
    found[-1]["actor"] = str(UUID(int=9))


@pytest.mark.parametrize(
    "spoil",
    [
        *(lost, doubled, refused_and_recorded, from_nobody, gap_in_positions, gap_in_versions),
        *(time_running_backwards, told_another_place, told_two_things, of_somebody_else),
    ],
)
def test_what_is_wrong_is_found(spoil: Callable[[Log, Ledger], None]) -> None:
    found, kept = log(), ledger()
    spoil(found, kept)
    with pytest.raises(AssertionError):
        check(found, kept)


def test_a_decision_made_on_something_stale_is_found() -> None:
    found = log()
    found[-1]["data"]["forecast_on_before"] = "2026-05-01"
    with pytest.raises(LogContradicted, match="forecast_on was '2026-06-01', not '2026-05-01'"):
        reference_fold.fold(found)


def test_a_history_that_begins_in_its_middle_is_found() -> None:
    with pytest.raises(LogContradicted):
        reference_fold.fold(log()[1:])


def test_the_fates_are_told_apart() -> None:
    kept = ledger()
    assert [entry.fate for entry in kept.entries.values()] == [
        *[Fate.ACKNOWLEDGED] * 3,
        Fate.REFUSED,
        Fate.UNKNOWN,
    ]


def rule(**wish: Any) -> dict[str, Any]:
    plain = {"org_id": str(ORG), "person_id": "somebody", "subscription_id": "rule", "since_position": 0}
    return {
        **plain,
        "project_id": None,
        "kinds": [],
        "stream": None,
        "mute_own": True,
        "include_imported": False,
        **wish,
    }


@pytest.mark.parametrize(
    ("wish", "positions"),
    [
        ({}, [1, 2, 3]),
        ({"kinds": ["milestone.*"]}, [1, 2, 3]),
        ({"kinds": ["milestone.planned", "issue.*"]}, [1]),
        ({"project_id": str(UUID(int=7))}, []),
        ({"stream": MILESTONE, "since_position": 2}, [3]),
        ({"person_id": str(ACTOR)}, []),
        ({"person_id": str(ACTOR), "mute_own": False}, [1, 2, 3]),
        ({"org_id": str(UUID(int=8))}, []),
    ],
)
def test_the_second_matcher_finds_whom_to_tell(wish: dict[str, Any], positions: list[int]) -> None:
    items = reference_rules.inbox(log(), [rule(**wish)])
    assert [item["position"] for item in items.values()] == positions


def test_old_history_is_told_to_those_who_asked_for_it() -> None:
    found = deepcopy(log())
    found[0]["effective_at"] = "2025-01-05T09:00:00+00:00"
    assert len(reference_rules.inbox(found, [rule()])) == 2
    assert len(reference_rules.inbox(found, [rule(include_imported=True)])) == 3

"""The checker's own matching of events with rules finds whom to tell."""

from typing import Any
from uuid import UUID

import pytest

from services.projects.verifying.asked import Rules
from tests.unit.projects.verifying.conftest import ACTOR, MILESTONE, ORG, Log


def rule(**wish: Any) -> dict[str, Any]:
    plain = {"org_id": ORG, "person_id": "somebody", "subscription_id": "rule", "since_position": 0}
    absent: dict[str, Any] = {
        "project_id": None,
        "kinds": [],
        "stream": None,
        "mute_own": True,
        "include_imported": False,
    }
    return {**plain, **absent, **wish}


def positions_asked_for(log: Log, **wish: Any) -> list[int]:
    rules = Rules([rule(**wish)], "subscription_id")
    return [event["position"] for event in log if list(rules.asking(event))]


@pytest.mark.parametrize(
    ("wish", "positions"),
    [
        ({}, [1, 2, 3]),
        ({"kinds": ["milestone.*"]}, [1, 2, 3]),
        ({"kinds": ["milestone.planned", "issue.*"]}, [1]),
        ({"project_id": str(UUID(int=7))}, []),
        ({"project_id": str(UUID(int=3))}, [1, 2, 3]),
        ({"stream": MILESTONE, "since_position": 2}, [3]),
        ({"stream": MILESTONE, "project_id": str(UUID(int=7))}, []),
        ({"person_id": ACTOR}, []),
        ({"person_id": ACTOR, "mute_own": False}, [1, 2, 3]),
        ({"org_id": str(UUID(int=8))}, []),
    ],
)
def test_a_rule_asks_for_what_it_names(log: Log, wish: dict[str, Any], positions: list[int]) -> None:
    assert positions_asked_for(log, **wish) == positions


def test_old_history_is_told_to_those_who_asked_for_it(log: Log) -> None:
    log[0]["effective_at"] = "2025-01-05T09:00:00+00:00"
    assert positions_asked_for(log) == [2, 3]
    assert positions_asked_for(log, include_imported=True) == [1, 2, 3]


def test_a_rule_vouches_for_what_came_after_it_was_put_so() -> None:
    asked = rule(since_position=2)
    rules = Rules([asked], "subscription_id")
    assert [rules.vouching("rule", position) for position in (2, 3)] == [None, asked]
    assert rules.vouching("another", 3) is None

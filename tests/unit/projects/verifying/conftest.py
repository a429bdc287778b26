"""A log as the checker reads it: one milestone, planned and reforecast twice."""

from typing import Any
from uuid import UUID

import pytest

ORG, ACTOR, PROJECT = (str(UUID(int=number)) for number in (1, 2, 3))
MILESTONE = f"milestone-{UUID(int=4)}"
Log = list[dict[str, Any]]


def event(
    position: int, version: int, event_type: str, stream: str = MILESTONE, **data: Any
) -> dict[str, Any]:
    at = f"2026-01-05T09:00:{position:02}+00:00"
    return {
        "position": position,
        "recorded_at": at,
        "effective_at": at,
        "event_id": str(UUID(int=100 + position)),
        "org_id": ORG,
        "project_id": PROJECT,
        "actor": ACTOR,
        "on_behalf_of": None,
        "stream": stream,
        "version": version,
        "type": event_type,
        "data": data,
    }


@pytest.fixture
def log() -> Log:
    reforecast = "milestone.reforecast"
    return [
        event(1, 1, "milestone.planned", project_id=PROJECT, name="Power is on"),
        event(2, 2, reforecast, forecast_on="2026-06-01"),
        event(3, 3, reforecast, forecast_on="2026-07-01", forecast_on_before="2026-06-01"),
    ]

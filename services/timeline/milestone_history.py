"""Every baseline, forecast and actual a milestone ever had: one row per change, with the state after it."""

from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias, assert_never, cast
from uuid import UUID

from libs.events.envelope import Envelope, Event, EventData
from libs.events.schedule import (
    MilestoneAchieved,
    MilestoneAchievementCorrected,
    MilestoneAchievementWithdrawn,
    MilestoneCancelled,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneRebaselined,
    MilestoneReforecast,
    MilestoneReinstated,
    MilestoneState,
)
from services.timeline.entity_history import EntityHistory, Explanation
from services.timeline.projection import UnknownEntity

MilestoneEvent: TypeAlias = (
    MilestonePlanned
    | MilestoneCommitted
    | MilestoneRebaselined
    | MilestoneReforecast
    | MilestoneAchieved
    | MilestoneAchievementCorrected
    | MilestoneAchievementWithdrawn
    | MilestoneCancelled
    | MilestoneReinstated
)


# --- Rows ---


class Milestone(NamedTuple):
    """A milestone after one of its changes, known from position `known_from` on."""

    org_id: UUID
    milestone_id: UUID
    known_from: int
    version: int
    recorded_at: datetime
    effective_at: datetime
    project_id: UUID
    name: str
    state: str
    baseline_on: date | None = None
    forecast_on: date | None = None
    achieved_on: date | None = None
    reforecast_count: int = 0


def milestone_history() -> EntityHistory[Milestone]:
    return EntityHistory(
        "milestone_history", 1, aggregate="milestone", row_type=Milestone, project=project, explain=explain
    )


# --- Project ---


def project(milestone: Milestone | None, event: Event) -> Milestone:
    """The milestone after the event. Only a planned event may come first."""
    envelope, data = event
    if milestone is None:
        return _planned(envelope, data)
    return milestone._replace(
        known_from=envelope.position,
        version=envelope.version,
        recorded_at=envelope.recorded_at,
        effective_at=envelope.effective_at,
        **_changed(milestone, cast("MilestoneEvent", data)),
    )


def _planned(envelope: Envelope, data: EventData) -> Milestone:
    if not isinstance(data, MilestonePlanned):
        raise UnknownEntity(envelope)
    return Milestone(
        envelope.org_id,
        envelope.entity_id,
        envelope.position,
        envelope.version,
        envelope.recorded_at,
        envelope.effective_at,
        project_id=data.project_id,
        name=data.name,
        state=MilestoneState.PLANNED.value,
        forecast_on=data.target_on,
    )


def _changed(milestone: Milestone, data: MilestoneEvent) -> dict[str, Any]:  # noqa: C901 -- one case per event
    match data:
        case MilestonePlanned():
            return {}
        case MilestoneCommitted():
            return {"state": MilestoneState.COMMITTED.value, "baseline_on": data.baseline_on}
        case MilestoneRebaselined():
            return {"baseline_on": data.baseline_on}
        case MilestoneReforecast():
            moves = milestone.reforecast_count + (data.forecast_on_before is not None)
            return {"forecast_on": data.forecast_on, "reforecast_count": moves}
        case MilestoneAchieved():
            return {"state": MilestoneState.ACHIEVED.value, "achieved_on": data.achieved_on}
        case MilestoneAchievementCorrected():
            return {"achieved_on": data.achieved_on}
        case MilestoneAchievementWithdrawn():
            return {"state": data.state.value, "achieved_on": None}
        case MilestoneCancelled():
            return {"state": MilestoneState.CANCELLED.value}
        case MilestoneReinstated():
            return {"state": data.state.value}
    assert_never(data)


def explain(event: Event) -> Explanation:
    """The reason of a change in its author's words, and its causes."""
    data = cast("MilestoneEvent", event.data)
    match data:
        case MilestonePlanned():
            return Explanation(data.description or None)
        case MilestoneCommitted():
            return Explanation()
        case MilestoneRebaselined():
            return Explanation(data.reason or None, {"change": data.change})
        case MilestoneReforecast():
            causes = [cause.model_dump(mode="json") for cause in data.caused_by]
            return Explanation(data.reason or None, {"caused_by": causes} if causes else None)
        case MilestoneAchieved():
            return Explanation(data.note or None)
        case (
            MilestoneAchievementCorrected()
            | MilestoneAchievementWithdrawn()
            | MilestoneCancelled()
            | MilestoneReinstated()
        ):
            return Explanation(data.reason or None)
    assert_never(data)

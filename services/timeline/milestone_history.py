"""Every baseline, forecast and actual a milestone ever had: one row per change, with the state after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias, assert_never, cast
from uuid import UUID

from libs.events.envelope import Event
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
from services.timeline.as_of import AsOf
from services.timeline.asking import Reading, ask
from services.timeline.entity_history import EntityHistory, Explanation, Fields

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
        "milestone_history",
        1,
        aggregate="milestone",
        row_type=Milestone,
        created_by=MilestonePlanned,
        created=planned,
        changed=changed,
        explain=explain,
    )


# --- Project ---


def planned(event: Event) -> Fields:
    data = cast("MilestonePlanned", event.data)
    return {
        "project_id": data.project_id,
        "name": data.name,
        "state": MilestoneState.PLANNED.value,
        "forecast_on": data.target_on,
    }


def changed(milestone: Milestone, event: Event) -> Fields:
    data = cast("MilestoneEvent", event.data)
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


# --- Ask ---

PRESENT = f"""
select {", ".join(Milestone._fields)}, project_id as home_project_id
from milestones
where org_id = :org_id and known_from <= :position
"""

KNOWN_THEN = """
select change.*, entity.project_id as home_project_id
from milestones entity
cross join lateral (
    select * from milestone_changes row
    where row.org_id = entity.org_id and row.milestone_id = entity.milestone_id
      and row.known_from <= :position
    order by row.known_from desc limit 1
) change
where entity.org_id = :org_id
"""

# The same rule as `standing`, for lists that filter and sort by it.
TRUE_THEN = """
select known.org_id, known.milestone_id, known.project_id, known.name,
       case when met then known.known_from else believed.known_from end as known_from,
       case when met then known.version else believed.version end as version,
       case when met then known.recorded_at else believed.recorded_at end as recorded_at,
       case when met then known.effective_at else believed.effective_at end as effective_at,
       case when met then 'achieved'
            when believed.state <> 'achieved' then believed.state
            when believed.baseline_on is null then 'planned'
            else 'committed' end as state,
       case when met then known.achieved_on end as achieved_on,
       case when believed.state is null then known.baseline_on else believed.baseline_on end as baseline_on,
       case when believed.state is null then known.forecast_on else believed.forecast_on end as forecast_on,
       case when believed.state is null then known.reforecast_count
            else believed.reforecast_count end as reforecast_count,
       known.project_id as home_project_id
from milestones entity
cross join lateral (
    select *, row.state = 'achieved'
              and (row.effective_at <= :effective_at or row.achieved_on <= :judged_on) as met
    from milestone_changes row
    where row.org_id = entity.org_id and row.milestone_id = entity.milestone_id
      and row.known_from <= :position
    order by row.known_from desc limit 1
) known
left join lateral (
    select * from milestone_changes row
    where row.org_id = entity.org_id and row.milestone_id = entity.milestone_id
      and row.known_from <= :position and row.effective_at <= :effective_at
    order by row.known_from desc limit 1
) believed on true
where entity.org_id = :org_id and (met or believed.state is not null)
"""


def source(as_of: AsOf) -> str:
    """The milestones as of then, as a table."""
    if as_of.is_present:
        return PRESENT
    return KNOWN_THEN if as_of.effective_at is None else TRUE_THEN


CHANGES = """
select change.* from milestone_changes change
where change.org_id = :org_id and change.milestone_id = :milestone_id and change.known_from <= :position
order by change.known_from
"""


@dataclass(frozen=True, slots=True)
class Story:
    """A milestone as it stood then, and the changes that led there."""

    standing: Milestone
    changes: Sequence[Mapping[str, Any]]
    description: str | None


async def story(reading: Reading, milestone_id: UUID) -> Story | None:
    """What is told of a milestone; nothing where it did not exist then. At most 10,000 changes, as streams have."""
    rows = await ask(reading, CHANGES, milestone_id=milestone_id)
    instant = reading.as_of.effective_at
    told = [row for row in rows if instant is None or row["effective_at"] <= instant]
    if not rows:
        return None
    known, believed = _milestone(rows[-1]), _milestone(told[-1]) if told else None
    stood = standing(known, believed, reading.as_of)
    if stood is None:
        return None
    if stood.version == known.version and len(told) < len(rows):
        told.append(rows[-1])  # an achievement that became known later, and counts from its own day
    return Story(stood, told, rows[0]["note"])


def _milestone(row: Mapping[str, Any]) -> Milestone:
    return Milestone(*(row[name] for name in Milestone._fields))


def standing(known: Milestone, believed: Milestone | None, as_of: AsOf) -> Milestone | None:
    """How a milestone stood in the business at an instant, with what is known today of that instant.

    `known` is its last change known; `believed` the last one of those that was in effect at the instant.
    Effective instants never run backwards in a stream, so both are the last of their kind. An achievement
    is a fact with a day of its own, which may become known later or be put right, so the last word counts:

    - achieved, in effect or on a day that is not after the instant: achieved, on that day;
    - believed to be achieved, but no longer, or not yet on that day: open, as its baseline says;
    - everything else: as believed. Not believed in at all: it did not exist.
    """
    if as_of.effective_at is None or known.effective_at <= as_of.effective_at:
        return known
    if known.achieved_on is not None and known.achieved_on <= as_of.judged_on:
        return known if believed is None else _with_promise_of(known, believed)
    if believed is not None and believed.achieved_on is not None:
        open_state = MilestoneState.COMMITTED if believed.baseline_on else MilestoneState.PLANNED
        return believed._replace(state=open_state.value, achieved_on=None)
    return believed


def _with_promise_of(known: Milestone, believed: Milestone) -> Milestone:
    return known._replace(
        baseline_on=believed.baseline_on,
        forecast_on=believed.forecast_on,
        reforecast_count=believed.reforecast_count,
    )

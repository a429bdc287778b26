"""What happens to a milestone, a dated promise inside a project."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.events.catalogue import published
from libs.events.envelope import EventData


class MilestoneState(StrEnum):
    """At risk and missed are derived at read, never stored."""

    PLANNED = "planned"
    COMMITTED = "committed"
    ACHIEVED = "achieved"
    CANCELLED = "cancelled"


class CauseClass(StrEnum):
    """Why a date moved; causes are things, never people."""

    SCOPE_CHANGE = "scope_change"
    RESOURCE_SHORTFALL = "resource_shortfall"
    DEPENDENCY_LATE = "dependency_late"
    DECISION_LATE = "decision_late"
    RISK_MATERIALISED = "risk_materialised"
    DEFECT_OR_REWORK = "defect_or_rework"
    ESTIMATE_ERROR = "estimate_error"
    EXTERNAL = "external"
    UNATTRIBUTED = "unattributed"


# What means the same in several events.
Note = Annotated[str, Field(description="Whatever else is worth remembering.")]
Reason = Annotated[str, Field(description="Why, in words of whoever did it.")]


class Cause(EventData):
    """A cause of a moved date."""

    cause_class: CauseClass = Field(description="What kind of thing it was.")
    stream: str | None = Field(
        default=None, description="The recorded thing that is the cause, such as `issue-<uuid>`."
    )
    note: Note = ""


@published("milestone.planned")
class MilestonePlanned(EventData):
    """A milestone entered the plan; its date may not be known yet."""

    project_id: UUID = Field(description="The project whose milestone it is.")
    name: str = Field(description="What the milestone is called.")
    target_on: date | None = Field(default=None, description="The first forecast of its date.")
    description: str = Field(default="", description="What it stands for.")


@published("milestone.committed")
class MilestoneCommitted(EventData):
    """The date of a milestone was promised: its first baseline."""

    baseline_on: date = Field(description="The date that was promised.")


@published("milestone.rebaselined")
class MilestoneRebaselined(EventData):
    """A milestone got a new baseline through an approved change; the old one stays in history."""

    baseline_on_before: date = Field(description="The date promised until then.")
    baseline_on: date = Field(description="The date promised from now on.")
    change: str = Field(description="The approved change that moved the baseline.")
    reason: Reason = ""


@published("milestone.reforecast")
class MilestoneReforecast(EventData):
    """A milestone is now expected on another date."""

    forecast_on_before: date | None = Field(default=None, description="The date expected until then.")
    forecast_on: date = Field(description="The date expected now.")
    reason: Reason
    caused_by: tuple[Cause, ...] = Field(default=(), description="What moved the date, as far as known.")


@published("milestone.achieved")
class MilestoneAchieved(EventData):
    """A milestone was met."""

    achieved_on: date = Field(description="The day it was met, which may become known later.")
    note: Note = ""


@published("milestone.achievement_corrected")
class MilestoneAchievementCorrected(EventData):
    """The recorded day of an achievement was wrong and was put right."""

    achieved_on_before: date = Field(description="The day recorded until then.")
    achieved_on: date = Field(description="The day it was met.")
    reason: Reason


@published("milestone.achievement_withdrawn")
class MilestoneAchievementWithdrawn(EventData):
    """A milestone had been called achieved and was not."""

    achieved_on_before: date = Field(description="The day on which it had been called met.")
    state: MilestoneState = Field(description="The state to which the milestone returned.")
    reason: Reason


@published("milestone.cancelled")
class MilestoneCancelled(EventData):
    """A milestone is no longer wanted."""

    reason: Reason
    state_before: MilestoneState = Field(description="The state the milestone was in until then.")


@published("milestone.reinstated")
class MilestoneReinstated(EventData):
    """A cancelled milestone is wanted again."""

    reason: Reason
    state: MilestoneState = Field(description="The state to which the milestone returned.")

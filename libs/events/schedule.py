"""What happens to a milestone, a dated promise inside a project."""

from datetime import date
from enum import StrEnum
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


class Cause(EventData):
    """A cause of a moved date."""

    cause_class: CauseClass
    stream: str | None = Field(
        default=None, description="The recorded thing that is the cause, such as `issue-<uuid>`."
    )
    note: str = ""


@published("milestone.planned")
class MilestonePlanned(EventData):
    """A milestone entered the plan; its date may not be known yet."""

    project_id: UUID
    name: str
    target_on: date | None = Field(default=None, description="The first forecast of its date.")
    description: str = ""


@published("milestone.committed")
class MilestoneCommitted(EventData):
    """The date of a milestone was promised: its first baseline."""

    baseline_on: date


@published("milestone.rebaselined")
class MilestoneRebaselined(EventData):
    """A milestone got a new baseline through an approved change; the old one stays in history."""

    baseline_on_before: date
    baseline_on: date
    change: str = Field(description="The approved change that moved the baseline.")
    reason: str = ""


@published("milestone.reforecast")
class MilestoneReforecast(EventData):
    """A milestone is now expected on another date."""

    forecast_on_before: date | None = None
    forecast_on: date
    reason: str
    caused_by: tuple[Cause, ...] = ()


@published("milestone.achieved")
class MilestoneAchieved(EventData):
    """A milestone was met."""

    achieved_on: date = Field(description="The day it was met, which may become known later.")
    note: str = ""


@published("milestone.achievement_corrected")
class MilestoneAchievementCorrected(EventData):
    """The recorded day of an achievement was wrong and was put right."""

    achieved_on_before: date
    achieved_on: date
    reason: str


@published("milestone.achievement_withdrawn")
class MilestoneAchievementWithdrawn(EventData):
    """A milestone had been called achieved and was not."""

    achieved_on_before: date
    state: MilestoneState = Field(description="The state to which the milestone returned.")
    reason: str


@published("milestone.cancelled")
class MilestoneCancelled(EventData):
    """A milestone is no longer wanted."""

    reason: str
    state_before: MilestoneState


@published("milestone.reinstated")
class MilestoneReinstated(EventData):
    """A cancelled milestone is wanted again."""

    reason: str
    state: MilestoneState = Field(description="The state to which the milestone returned.")

"""How far a milestone is from its promise, and whether the promise is kept, at risk, missed or overdue."""

from dataclasses import dataclass
from datetime import date

from libs.events.schedule import MilestoneState

OPEN = frozenset({MilestoneState.PLANNED, MilestoneState.COMMITTED})


@dataclass(frozen=True, slots=True)
class Dates:
    """What is known of a milestone's dates; `state` is one of `MilestoneState`."""

    state: str
    baseline_on: date | None = None
    forecast_on: date | None = None
    achieved_on: date | None = None

    @property
    def expected_on(self) -> date | None:
        """The day it was met, or else the day it is expected."""
        return self.achieved_on or self.forecast_on


@dataclass(frozen=True, slots=True)
class Slip:
    """Days after the baseline (negative: before it), or the reason why there is no number."""

    days_calendar: int | None
    reason: str | None = None


def slip(dates: Dates) -> Slip:
    """Slip in calendar days: forecast, or actual once there is one, minus the baseline in force.

    Source: schedule variance analysis, PMBOK Guide. Edge rules: a cancelled milestone has none
    (`cancelled`), neither has one without a baseline (`no_baseline`) or without a forecast (`no_forecast`).
    """
    if dates.state == MilestoneState.CANCELLED:
        return Slip(None, "cancelled")
    if dates.baseline_on is None:
        return Slip(None, "no_baseline")
    if dates.expected_on is None:
        return Slip(None, "no_forecast")
    return Slip((dates.expected_on - dates.baseline_on).days)


def is_overdue(dates: Dates, on: date) -> bool:
    """Still open although its forecast lies before the day: somebody owes a new forecast."""
    return dates.state in OPEN and dates.forecast_on is not None and dates.forecast_on < on


def is_missed(dates: Dates, on: date) -> bool:
    """The baseline was not kept: met after it, or still open when its day was over."""
    if dates.baseline_on is None or dates.state == MilestoneState.CANCELLED:
        return False
    return dates.baseline_on < (dates.achieved_on or on)


def is_at_risk(dates: Dates, on: date) -> bool:
    """Still open, the baseline can still be kept, and the forecast says that it will not be."""
    if dates.state not in OPEN or dates.baseline_on is None or dates.forecast_on is None:
        return False
    return on <= dates.baseline_on < dates.forecast_on

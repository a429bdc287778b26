"""What a milestone is at any moment, and what an open one means to every phase of its life."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from libs.events.schedule import MilestoneState
from services.projects.aggregate import Rejection

# --- Rejections ---


class MilestoneUnknown(Rejection):
    """There is no such milestone."""


class MilestoneAlreadyAchieved(Rejection):
    """An achieved milestone is settled; correct or withdraw the achievement."""


class MilestoneAlreadyCancelled(Rejection):
    """A cancelled milestone is out of the plan; reinstate it first."""


# --- State ---


@dataclass(frozen=True, slots=True)
class Milestone:
    """`target_on` is the forecast it was planned with; counts are of baselines and of moved forecasts."""

    project_id: UUID
    name: str
    description: str
    state: MilestoneState
    target_on: date | None = None
    baseline_on: date | None = None
    forecast_on: date | None = None
    achieved_on: date | None = None
    baseline_count: int = 0
    reforecast_count: int = 0

    @property
    def open_state(self) -> MilestoneState:
        """The state to which it returns when an achievement or a cancellation is taken back."""
        return MilestoneState.PLANNED if self.baseline_on is None else MilestoneState.COMMITTED


def open_milestone(milestone: Milestone) -> Milestone:
    match milestone.state:
        case MilestoneState.ACHIEVED:
            raise MilestoneAlreadyAchieved
        case MilestoneState.CANCELLED:
            raise MilestoneAlreadyCancelled
    return milestone

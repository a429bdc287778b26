"""The outcome of a milestone: achieved or cancelled, and what takes either back."""

from dataclasses import replace
from datetime import date
from typing import assert_never

from pydantic import Field

from libs.events.schedule import (
    MilestoneAchieved,
    MilestoneAchievementCorrected,
    MilestoneAchievementWithdrawn,
    MilestoneCancelled,
    MilestoneReinstated,
    MilestoneState,
)
from services.projects.aggregate import Command, Day, Reason, Rejection, Sentence
from services.projects.schedule.milestone.milestone import Milestone, open_milestone

# --- Commands ---


class AchieveMilestone(Command):
    achieved_on: Day = Field(description="The day it was met; not in the future.")
    note: Sentence = ""

    def happened_on(self) -> date:
        return self.achieved_on


class CorrectAchievement(Command):
    achieved_on: Day = Field(description="The day it was really met; not in the future.")
    reason: Reason

    def happened_on(self) -> date:
        return self.achieved_on


class WithdrawAchievement(Command):
    reason: Reason


class CancelMilestone(Command):
    reason: Reason


class ReinstateMilestone(Command):
    reason: Reason


OutcomeCommand = (
    AchieveMilestone | CorrectAchievement | WithdrawAchievement | CancelMilestone | ReinstateMilestone
)

# --- Rejections ---


class MilestoneNotAchieved(Rejection):
    """Only an achievement that was recorded can be corrected or withdrawn."""


# --- Decide ---

OutcomeEvent = (
    MilestoneAchieved
    | MilestoneAchievementCorrected
    | MilestoneAchievementWithdrawn
    | MilestoneCancelled
    | MilestoneReinstated
)


def decide(milestone: Milestone, command: OutcomeCommand) -> list[OutcomeEvent]:
    """That a day lies in the future is for the caller to see, who has the clock."""
    match command:
        case AchieveMilestone():
            return achieve(milestone, command)
        case CorrectAchievement():
            return correct_achievement(milestone, command)
        case WithdrawAchievement():
            return withdraw_achievement(milestone, command)
        case CancelMilestone():
            return cancel(milestone, command)
        case ReinstateMilestone():
            return reinstate(milestone, command)
    assert_never(command)


def achieve(milestone: Milestone, command: AchieveMilestone) -> list[OutcomeEvent]:
    if milestone.achieved_on == command.achieved_on:
        return []
    open_milestone(milestone)
    return [MilestoneAchieved(achieved_on=command.achieved_on, note=command.note)]


def correct_achievement(milestone: Milestone, command: CorrectAchievement) -> list[OutcomeEvent]:
    before = day_achieved(milestone)
    if before == command.achieved_on:
        return []
    return [
        MilestoneAchievementCorrected(
            achieved_on_before=before, achieved_on=command.achieved_on, reason=command.reason
        )
    ]


def withdraw_achievement(milestone: Milestone, command: WithdrawAchievement) -> list[OutcomeEvent]:
    return [
        MilestoneAchievementWithdrawn(
            achieved_on_before=day_achieved(milestone), state=milestone.open_state, reason=command.reason
        )
    ]


def day_achieved(milestone: Milestone) -> date:
    if milestone.achieved_on is None:
        raise MilestoneNotAchieved
    return milestone.achieved_on


def cancel(milestone: Milestone, command: CancelMilestone) -> list[OutcomeEvent]:
    if milestone.state is MilestoneState.CANCELLED:
        return []
    open_milestone(milestone)
    return [MilestoneCancelled(reason=command.reason, state_before=milestone.state)]


def reinstate(milestone: Milestone, command: ReinstateMilestone) -> list[OutcomeEvent]:
    if milestone.state is not MilestoneState.CANCELLED:
        return []
    return [MilestoneReinstated(reason=command.reason, state=milestone.open_state)]


# --- Evolve ---


def evolve(milestone: Milestone, event: OutcomeEvent) -> Milestone:
    match event:
        case MilestoneAchieved():
            return replace(milestone, state=MilestoneState.ACHIEVED, achieved_on=event.achieved_on)
        case MilestoneAchievementCorrected():
            return replace(milestone, achieved_on=event.achieved_on)
        case MilestoneAchievementWithdrawn():
            return replace(milestone, state=event.state, achieved_on=None)
        case MilestoneCancelled():
            return replace(milestone, state=MilestoneState.CANCELLED)
        case MilestoneReinstated():
            return replace(milestone, state=event.state)
    assert_never(event)

"""The whole life of a milestone: a dated promise inside a project.

It is planned and committed to, may be reforecast while it is open, and is achieved or cancelled. An
achievement may be corrected or withdrawn; a cancelled milestone may be reinstated.
"""

from collections.abc import Sequence

from services.projects.aggregate import Aggregate, begun
from services.projects.facts import Facts
from services.projects.references import open_project
from services.projects.schedule.milestone import outcome, promise
from services.projects.schedule.milestone.milestone import Milestone, MilestoneUnknown
from services.projects.schedule.milestone.outcome import (
    AchieveMilestone,
    CancelMilestone,
    CorrectAchievement,
    OutcomeCommand,
    OutcomeEvent,
    ReinstateMilestone,
    WithdrawAchievement,
)
from services.projects.schedule.milestone.promise import (
    CommitMilestone,
    PlanMilestone,
    PromiseCommand,
    PromiseEvent,
    RebaselineMilestone,
    ReforecastMilestone,
)

MilestoneCommand = PlanMilestone | PromiseCommand | OutcomeCommand
MilestoneEvent = PromiseEvent | OutcomeEvent


def decide(milestone: Milestone | None, command: MilestoneCommand, facts: Facts) -> Sequence[MilestoneEvent]:
    if isinstance(command, PlanMilestone):
        return promise.plan(milestone, command, facts)
    if milestone is None:
        raise MilestoneUnknown
    open_project(facts, milestone.project_id)
    if isinstance(command, PromiseCommand):
        return promise.decide(milestone, command, facts)
    return outcome.decide(milestone, command)


def evolve(milestone: Milestone | None, event: MilestoneEvent) -> Milestone:
    if isinstance(event, PromiseEvent):
        return promise.evolve(milestone, event)
    return outcome.evolve(begun(milestone), event)


AGGREGATE = Aggregate(
    name="milestone",
    plural="milestones",
    creating=("plan", PlanMilestone),
    commands={
        "commit": CommitMilestone,
        "rebaseline": RebaselineMilestone,
        "reforecast": ReforecastMilestone,
        "achieve": AchieveMilestone,
        "correct-achievement": CorrectAchievement,
        "withdraw-achievement": WithdrawAchievement,
        "cancel": CancelMilestone,
        "reinstate": ReinstateMilestone,
    },
    decide=decide,
    evolve=evolve,
    action="manage",
    state=Milestone,
)

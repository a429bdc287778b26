"""Random histories that could have happened: every event follows from the state before it."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from libs.events.envelope import entity_id_of
from libs.events.portfolio import ProjectProposed, StateCategory
from libs.events.raid import (
    EstimateUnit,
    IssueAssigned,
    IssueBlocked,
    IssueCommentedOn,
    IssueEstimated,
    IssueKind,
    IssueLinked,
    IssueMovedIn,
    IssueMovedOut,
    IssueRaised,
    IssueTransitioned,
    IssueTriaged,
    IssueUnblocked,
    LinkRelation,
    Priority,
)
from libs.events.schedule import (
    MilestoneAchieved,
    MilestoneAchievementCorrected,
    MilestoneAchievementWithdrawn,
    MilestoneCancelled,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneReforecast,
    MilestoneReinstated,
    MilestoneState,
)
from services.timeline.issue_history import Issue, issue_history
from services.timeline.milestone_history import Milestone, milestone_history
from tests.support.history import BEGINNING, History, an_id

MILESTONES, ISSUES = milestone_history(), issue_history()

STATES = {
    "To do": StateCategory.TODO,
    "In progress": StateCategory.ACTIVE,
    "Waiting": StateCategory.WAITING,
    "Done": StateCategory.DONE,
    "Cancelled": StateCategory.CANCELLED,
}
FIRST_DAY = date(2025, 6, 1)


class RandomHistory(History):
    """Three projects with a few milestones and issues, to which anything may happen, effective in the past."""

    def __init__(self, seed: int, length: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self._clock = BEGINNING - timedelta(days=200)
        self._milestones: dict[str, Milestone] = {}
        self._issues: dict[str, Issue] = {}
        self.project_ids = [an_id(f"project {number}") for number in range(3)]
        for number, project_id in enumerate(self.project_ids):
            self.record("project", project_id, ProjectProposed(project_id=project_id, name=f"P{number}"))
        steps: list[Callable[[], None]] = [self._milestone_step, self._issue_step]
        while self.head < length:
            self._clock += timedelta(minutes=self._chance.randint(0, 20_000 // length * 10))
            self._chance.choice(steps)()

    def _day(self) -> date:
        return FIRST_DAY + timedelta(days=self._chance.randint(0, 400))

    def _past_day(self) -> date:
        return self._clock.date() - timedelta(days=self._chance.randint(0, 60))

    def _milestone_step(self) -> None:
        number = self._chance.randint(1, 6)
        milestone_id = an_id(f"milestone {number}")
        stream = f"milestone-{milestone_id}"
        before = self._milestones.get(stream)
        project_id = self._chance.choice(self.project_ids)
        if before is None:
            target_on = self._day() if self._chance.random() < 0.8 else None
            data = MilestonePlanned(project_id=project_id, name=f"M{number}", target_on=target_on)
        else:
            data = self._chance.choice(self._after(before))
        event = self.record("milestone", milestone_id, data, effective_at=self._clock)
        self._milestones[stream] = MILESTONES.project(before, event)

    def _after(self, now: Milestone) -> list:  # type: ignore[type-arg]
        open_state = MilestoneState.COMMITTED if now.baseline_on else MilestoneState.PLANNED
        if now.state == MilestoneState.ACHIEVED:
            assert now.achieved_on is not None
            return [
                MilestoneAchievementCorrected(
                    achieved_on_before=now.achieved_on, achieved_on=self._past_day(), reason="wrong"
                ),
                MilestoneAchievementWithdrawn(
                    achieved_on_before=now.achieved_on, state=open_state, reason="not met"
                ),
            ]
        if now.state == MilestoneState.CANCELLED:
            return [MilestoneReinstated(reason="wanted", state=open_state)]
        return [
            MilestoneReforecast(
                forecast_on_before=now.forecast_on, forecast_on=self._day(), reason="we learned"
            ),
            MilestoneAchieved(achieved_on=self._past_day()),
            MilestoneCancelled(reason="not wanted", state_before=MilestoneState(now.state)),
            *([] if now.baseline_on else [MilestoneCommitted(baseline_on=self._day())]),
        ]

    def _issue_step(self) -> None:
        number = self._chance.randint(1, 8)
        issue_id = an_id(f"issue {number}")
        stream = f"issue-{issue_id}"
        now = self._issues.get(stream)
        if now is None:
            project_id = self._chance.choice(self.project_ids)
            raised = IssueRaised(
                project_id=project_id, title=f"I{number}", state="To do", category=STATES["To do"]
            )
            self._happens(stream, raised)
        elif self._chance.random() < 0.15:
            self._move(stream, now)
        else:
            self._happens(stream, self._chance.choice(self._work(now)))

    def _work(self, now: Issue) -> list:  # type: ignore[type-arg]
        state = self._chance.choice(list(STATES))
        return [
            IssueTransitioned(
                state_before=now.state,
                category_before=StateCategory(now.category),
                state=state,
                category=STATES[state],
            ),
            IssueAssigned(team=self._chance.choice(["red", "blue", None]), team_before=now.team),
            IssueUnblocked() if now.is_blocked else IssueBlocked(reason="no answer"),
            IssueTriaged(
                kind=IssueKind.BUG,
                kind_before=IssueKind(now.kind),
                priority=Priority.HIGH,
                priority_before=now.priority and Priority(now.priority),
            ),
            IssueEstimated(estimate=Decimal(self._chance.randint(1, 8)), unit=EstimateUnit.DAYS),
            IssueCommentedOn(comment_id=an_id(f"comment {self.head}"), text="well"),
            IssueLinked(relation=LinkRelation.BLOCKS, target=f"milestone-{an_id('milestone 1')}"),
        ]

    def _move(self, stream: str, now: Issue) -> None:
        elsewhere = [each for each in self.project_ids if each != now.project_id]
        project_id = self._chance.choice(elsewhere)
        self._happens(stream, IssueMovedOut(to_project_id=project_id, reason="belongs there"))
        self._happens(
            stream,
            IssueMovedIn(
                project_id=project_id,
                from_project_id=now.project_id,
                state_before=now.state,
                category_before=StateCategory(now.category),
                state=now.state,
                category=StateCategory(now.category),
            ),
        )

    def _happens(self, stream: str, data) -> None:  # type: ignore[no-untyped-def]
        event = self.record("issue", entity_id_of(stream), data, effective_at=self._clock)
        self._issues[stream] = ISSUES.project(self._issues.get(stream), event)

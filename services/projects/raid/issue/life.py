"""The whole life of an issue: a task, a bug, a problem, any piece of work or trouble with a workflow.

Its states are those of its project's workflow; each has a category, which is what measures understand.
Blocked is no state but a flag with a reason.
"""

from collections.abc import Sequence

from services.projects.aggregate import Aggregate, begun
from services.projects.facts import Facts
from services.projects.raid.issue import ending, intake, work
from services.projects.raid.issue.ending import (
    CancelIssue,
    EndingCommand,
    EndingEvent,
    MoveIssue,
    ReopenIssue,
)
from services.projects.raid.issue.intake import (
    AssignIssue,
    EstimateIssue,
    IntakeCommand,
    IntakeEvent,
    RaiseIssue,
    TriageIssue,
)
from services.projects.raid.issue.issue import Issue, IssueUnknown
from services.projects.raid.issue.work import (
    BlockIssue,
    CommentOnIssue,
    LinkIssue,
    TransitionIssue,
    UnblockIssue,
    WorkCommand,
    WorkEvent,
)
from services.projects.references import open_project

IssueCommand = RaiseIssue | IntakeCommand | WorkCommand | EndingCommand
IssueEvent = IntakeEvent | WorkEvent | EndingEvent


def decide(issue: Issue | None, command: IssueCommand, facts: Facts) -> Sequence[IssueEvent]:
    if isinstance(command, RaiseIssue):
        return intake.raise_issue(issue, command, facts)
    if issue is None:
        raise IssueUnknown
    workflow = open_project(facts, issue.project_id).workflow
    if isinstance(command, IntakeCommand):
        return intake.decide(issue, command)
    if isinstance(command, WorkCommand):
        return work.decide(issue, command, workflow, facts)
    return ending.decide(issue, command, workflow, facts)


def evolve(issue: Issue | None, event: IssueEvent) -> Issue:
    if isinstance(event, IntakeEvent):
        return intake.evolve(issue, event)
    if isinstance(event, WorkEvent):
        return work.evolve(begun(issue), event)
    return ending.evolve(begun(issue), event)


AGGREGATE = Aggregate(
    name="issue",
    plural="issues",
    creating=("raise", RaiseIssue),
    commands={
        "triage": TriageIssue,
        "assign": AssignIssue,
        "estimate": EstimateIssue,
        "transition": TransitionIssue,
        "block": BlockIssue,
        "unblock": UnblockIssue,
        "link": LinkIssue,
        "comment": CommentOnIssue,
        "cancel": CancelIssue,
        "reopen": ReopenIssue,
        "move": MoveIssue,
    },
    decide=decide,
    evolve=evolve,
    state=Issue,
)

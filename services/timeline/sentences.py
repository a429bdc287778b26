"""What happened, in a sentence that people read: one case per event of the vocabulary, pure."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from libs.events.access import ProjectMemberJoined, ProjectMemberLeft, ProjectMemberRoleGranted
from libs.events.envelope import Event, aggregate_of
from libs.events.portfolio import (
    CharterApproved,
    MethodologyAdopted,
    PhaseEntered,
    ProjectCancelled,
    ProjectClosed,
    ProjectProposed,
    ProjectPutOnHold,
    ProjectResumed,
    WorkflowAdopted,
)
from libs.events.raid import (
    IssueAssigned,
    IssueBlocked,
    IssueCancelled,
    IssueCommentedOn,
    IssueEstimated,
    IssueLinked,
    IssueMovedIn,
    IssueMovedOut,
    IssueRaised,
    IssueReopened,
    IssueTransitioned,
    IssueTriaged,
    IssueUnblocked,
    LinkRelation,
)
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
)
from services.timeline.issue_history import IssueEvent
from services.timeline.milestone_history import MilestoneEvent
from services.timeline.project_history import ProjectEvent

ProjectMemberEvent = ProjectMemberJoined | ProjectMemberRoleGranted | ProjectMemberLeft

QUOTED_CHARACTERS_MAX = 280

RELATIONS = {
    LinkRelation.RELATES_TO: "is related to",
    LinkRelation.DUPLICATES: "duplicates",
    LinkRelation.BLOCKS: "blocks",
    LinkRelation.CAUSED_BY: "is caused by",
    LinkRelation.DELIVERS: "delivers",
}


def sentence(event: Event, name: str, named: Mapping[str, str]) -> str:
    """The sentence for an event.

    `name` is what the project, milestone or issue was called then; `named` tells what other streams
    were called, as far as the reader of this project may know: the rest is named by its kind.
    """
    data: Any = event.data
    kind = aggregate_of(event.envelope.stream)
    match kind:
        case "issue":
            return f"Issue “{name}” {_of_issue(data, named)}"
        case "milestone":
            return f"Milestone “{name}” {_of_milestone(data, named)}"
        case "project":
            return f"Project “{name}” {_of_project(data)}"
        case "member":
            return f"Person {name} {_of_member(data)}"
    raise ValueError(f"there are no sentences about a {kind}")


def _of_project(data: ProjectEvent) -> str:
    match data:
        case ProjectProposed():
            return f"was proposed{_because(data.summary)}"
        case CharterApproved():
            return f"was chartered{_promised(data)}{_because(data.purpose)}"
        case MethodologyAdopted():
            before = f", instead of {_words(data.methodology_before)}" if data.methodology_before else ""
            return f"adopted {_words(data.methodology)}{before}{_because(data.reason)}"
        case WorkflowAdopted():
            return f"adopted the workflow {' → '.join(state.name for state in data.states)}"
        case PhaseEntered():
            return f"entered the phase {_words(data.phase)}, after {_words(data.state_before)}"
        case ProjectPutOnHold():
            return f"was put on hold{_because(data.reason)}"
        case ProjectResumed():
            return f"was resumed and is {_words(data.state)} again"
        case ProjectClosed():
            return f"was closed{_because(data.outcome)}"
        case ProjectCancelled():
            return f"was cancelled{_because(data.reason)}"
    assert_never(data)


def _of_member(data: ProjectMemberEvent) -> str:
    match data:
        case ProjectMemberJoined():
            return f"joined the project as {data.role}"
        case ProjectMemberRoleGranted():
            return f"is {data.role} now, not {data.role_before} any more"
        case ProjectMemberLeft():
            return f"left the project, where they were {data.role_before}{_because(data.reason)}"
    assert_never(data)


def _of_milestone(data: MilestoneEvent, named: Mapping[str, str]) -> str:
    match data:
        case MilestonePlanned():
            return f"was planned{f' for {data.target_on}' if data.target_on else ' without a date'}"
        case MilestoneCommitted():
            return f"was committed to {data.baseline_on}"
        case MilestoneRebaselined():
            return (
                f"was re-baselined from {data.baseline_on_before} to {data.baseline_on}"
                f" under {data.change}{_because(data.reason)}"
            )
        case MilestoneReforecast():
            return f"was reforecast {_from_to(data)}{_because(data.reason)}{_causes(data, named)}"
        case MilestoneAchieved():
            return f"was achieved on {data.achieved_on}{_because(data.note)}"
        case MilestoneAchievementCorrected():
            return (
                f"was achieved on {data.achieved_on}, not on {data.achieved_on_before}{_because(data.reason)}"
            )
        case MilestoneAchievementWithdrawn():
            return (
                f"was not achieved on {data.achieved_on_before} after all"
                f" and is {_words(data.state)} again{_because(data.reason)}"
            )
        case MilestoneCancelled():
            return f"was cancelled{_because(data.reason)}"
        case MilestoneReinstated():
            return f"was reinstated and is {_words(data.state)} again{_because(data.reason)}"
    assert_never(data)


def _of_issue(data: IssueEvent, named: Mapping[str, str]) -> str:  # noqa: C901 -- one case per event
    match data:
        case IssueTransitioned():
            return f"{_moved_through(data)}{_because(data.note)}"
        case IssueAssigned():
            return _assigned(data)
        case IssueRaised():
            weight = f" with {data.priority} priority" if data.priority else ""
            return f"was raised as a {data.kind}{weight}, in {data.state}"
        case IssueTriaged():
            return f"was triaged: a {data.kind} of {data.priority} priority{_because(data.note, '; ')}"
        case IssueBlocked():
            culprit = f" by {_thing(data.blocked_by, named)}" if data.blocked_by else ""
            return f"was blocked{culprit}{_because(data.reason)}"
        case IssueUnblocked():
            return f"was unblocked{_because(data.reason)}"
        case IssueEstimated():
            return _estimated(data)
        case IssueLinked():
            return f"{RELATIONS[data.relation]} {_thing(data.target, named)}"
        case IssueCommentedOn():
            return f"was commented on{_because(data.text)}"
        case IssueReopened():
            return f"was reopened, from {data.state_before} to {data.state}{_because(data.reason)}"
        case IssueMovedOut():
            return f"was moved to {_project(data.to_project_id, named)}{_because(data.reason)}"
        case IssueMovedIn():
            return f"came from {_project(data.from_project_id, named)}, in {data.state}"
        case IssueCancelled():
            return f"was cancelled{_because(data.reason)}"
    assert_never(data)


def _promised(data: CharterApproved) -> str:
    starts = f" from {data.starts_on}" if data.starts_on else ""
    return f"{starts}{f' to {data.finishes_on}' if data.finishes_on else ''}"


def _from_to(data: MilestoneReforecast) -> str:
    before: date | None = data.forecast_on_before
    return f"from {before} to {data.forecast_on}" if before else f"to {data.forecast_on}, its first forecast"


def _causes(data: MilestoneReforecast, named: Mapping[str, str]) -> str:
    causes = [
        f"{_words(cause.cause_class)}{f', {_thing(cause.stream, named)}' if cause.stream else ''}"
        for cause in data.caused_by
    ]
    return f" ({'; '.join(causes)})" if causes else ""


def _assigned(data: IssueAssigned) -> str:
    holders = [f"team “{data.team}”"] if data.team else []
    if data.assignee_id:
        holders.append(f"person {short_id(data.assignee_id)}")
    return f"was assigned to {' and '.join(holders)}" if holders else "is assigned to nobody any more"


def _moved_through(data: IssueTransitioned) -> str:
    if data.state == data.state_before:
        return f"was said to be in {data.state} again"
    return f"moved from {data.state_before} to {data.state}"


def _estimated(data: IssueEstimated) -> str:
    if data.estimate_before is None:
        return f"was estimated at {_size(data.estimate, data.unit)}"
    before = _size(data.estimate_before, data.unit_before or data.unit)
    return f"was estimated again, from {before} to {_size(data.estimate, data.unit)}"


def _size(estimate: Decimal, unit: str) -> str:
    return f"{estimate:f} {unit if estimate != 1 else unit.removesuffix('s')}"


def _because(text: str, joint: str = ": ") -> str:
    """What somebody said, on one line and not too long; nothing where nothing was said."""
    line = " ".join(text.split())
    if len(line) > QUOTED_CHARACTERS_MAX:
        line = f"{line[: QUOTED_CHARACTERS_MAX - 1].rstrip()}…"
    return f"{joint}{line}" if line else ""


def _thing(stream: str, named: Mapping[str, str]) -> str:
    kind = _words(stream[:-37])
    name = named.get(stream)
    if name is not None:
        return f"{kind} “{name}”"
    return f"{'an' if kind[:1] in 'aeio' else 'a'} {kind} of another project"


def _project(project_id: UUID, named: Mapping[str, str]) -> str:
    name = named.get(f"project-{project_id}")
    return f"project “{name}”" if name is not None else "another project"


def short_id(person_id: UUID) -> str:
    """What a person is called where only ids are known."""
    return str(person_id)[:8]


def _words(token: str) -> str:
    return token.replace("_", " ")

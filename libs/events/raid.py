"""What happens to an issue: a task, a bug, a problem, any piece of work or trouble with a workflow."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from libs.events.catalogue import published
from libs.events.envelope import EventData
from libs.events.portfolio import StateCategory


class IssueKind(StrEnum):
    TASK = "task"
    BUG = "bug"
    PROBLEM = "problem"
    REQUEST = "request"
    QUESTION = "question"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class EstimateUnit(StrEnum):
    HOURS = "hours"
    DAYS = "days"
    POINTS = "points"


class LinkRelation(StrEnum):
    """How this issue stands to what it is linked to."""

    RELATES_TO = "relates_to"
    DUPLICATES = "duplicates"
    BLOCKS = "blocks"
    CAUSED_BY = "caused_by"
    DELIVERS = "delivers"


# What means the same in several events.
Note = Annotated[str, Field(description="Whatever else is worth remembering.")]
Reason = Annotated[str, Field(description="Why, in words of whoever did it.")]
State = Annotated[str, Field(description="A state of the project's workflow.")]
StateBefore = Annotated[str, Field(description="The state it was in until then.")]
Category = Annotated[StateCategory, Field(description="What the state means to every measure.")]
CategoryBefore = Annotated[StateCategory, Field(description="What the state before means.")]


@published("issue.raised")
class IssueRaised(EventData):
    """An issue was raised, in the first state that somebody gave it."""

    project_id: UUID = Field(description="The project whose issue it is.")
    title: str = Field(description="The issue in one line.")
    description: str = Field(default="", description="The issue in full.")
    kind: IssueKind = Field(default=IssueKind.TASK, description="What it is.")
    priority: Priority | None = Field(default=None, description="How much it matters.")
    state: State
    category: Category


@published("issue.triaged")
class IssueTriaged(EventData):
    """Somebody looked at an issue and said what it is and how much it matters."""

    kind: IssueKind = Field(description="What it was found to be.")
    kind_before: IssueKind = Field(description="What it was held for.")
    priority: Priority = Field(description="How much it was found to matter.")
    priority_before: Priority | None = Field(default=None, description="The priority until then.")
    note: Note = ""


@published("issue.assigned")
class IssueAssigned(EventData):
    """An issue was given to a person, to a team, or to nobody."""

    assignee_id: UUID | None = Field(default=None, description="The person who has it now.")
    assignee_id_before: UUID | None = Field(default=None, description="The person who had it until then.")
    team: str | None = Field(default=None, description="The team that has it now.")
    team_before: str | None = Field(default=None, description="The team that had it until then.")


@published("issue.transitioned")
class IssueTransitioned(EventData):
    """An issue moved through the workflow; a move into the state it is in is recorded too."""

    state_before: StateBefore
    category_before: CategoryBefore
    state: State
    category: Category
    note: Note = ""


@published("issue.blocked")
class IssueBlocked(EventData):
    """Work on an issue cannot go on."""

    reason: Reason
    blocked_by: str | None = Field(
        default=None, description="The recorded thing in the way, such as `issue-<uuid>`."
    )


@published("issue.unblocked")
class IssueUnblocked(EventData):
    """Work on an issue can go on."""

    reason: Reason = ""


@published("issue.estimated")
class IssueEstimated(EventData):
    """The size of an issue was estimated."""

    estimate: Decimal = Field(description="How large it is, in that unit.")
    unit: EstimateUnit = Field(description="What the estimate counts.")
    estimate_before: Decimal | None = Field(default=None, description="The estimate until then.")
    unit_before: EstimateUnit | None = Field(default=None, description="What the estimate before counted.")


@published("issue.linked")
class IssueLinked(EventData):
    """An issue was linked to a milestone or to another issue."""

    relation: LinkRelation = Field(description="How the issue stands to the target.")
    target: str = Field(description="The linked stream: `milestone-<uuid>` or `issue-<uuid>`.")


@published("issue.commented_on")
class IssueCommentedOn(EventData):
    """Somebody said something about an issue."""

    comment_id: UUID = Field(description="The comment's own id.")
    text: str = Field(description="What was said.")


@published("issue.reopened")
class IssueReopened(EventData):
    """A finished or cancelled issue is open again."""

    state_before: StateBefore
    category_before: CategoryBefore
    state: State
    category: Category
    reason: Reason


@published("issue.moved_out")
class IssueMovedOut(EventData):
    """An issue left this project for another one."""

    to_project_id: UUID = Field(description="The project it went to.")
    reason: Reason = ""


@published("issue.moved_in")
class IssueMovedIn(EventData):
    """An issue came from another project and stands in a state of this project's workflow."""

    project_id: UUID = Field(description="The project it is in now.")
    from_project_id: UUID = Field(description="The project it came from.")
    state_before: StateBefore
    category_before: CategoryBefore
    state: State
    category: Category


@published("issue.cancelled")
class IssueCancelled(EventData):
    """An issue will not be done."""

    reason: Reason
    state_before: StateBefore
    category_before: CategoryBefore
    state: State
    category: Category

"""What happens to an issue: a task, a bug, a problem, any piece of work or trouble with a workflow."""

from decimal import Decimal
from enum import StrEnum
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


@published("issue.raised")
class IssueRaised(EventData):
    """An issue was raised, in the first state that somebody gave it."""

    project_id: UUID
    title: str
    description: str = ""
    kind: IssueKind = IssueKind.TASK
    priority: Priority | None = None
    state: str = Field(description="A state of the project's workflow.")
    category: StateCategory


@published("issue.triaged")
class IssueTriaged(EventData):
    """Somebody looked at an issue and said what it is and how much it matters."""

    kind: IssueKind
    kind_before: IssueKind
    priority: Priority
    priority_before: Priority | None = None
    note: str = ""


@published("issue.assigned")
class IssueAssigned(EventData):
    """An issue was given to a person, to a team, or to nobody."""

    assignee_id: UUID | None = Field(default=None, description="The person who has it now.")
    assignee_id_before: UUID | None = None
    team: str | None = Field(default=None, description="The team that has it now.")
    team_before: str | None = None


@published("issue.transitioned")
class IssueTransitioned(EventData):
    """An issue moved through the workflow; a move into the state it is in is recorded too."""

    state_before: str
    category_before: StateCategory
    state: str
    category: StateCategory
    note: str = ""


@published("issue.blocked")
class IssueBlocked(EventData):
    """Work on an issue cannot go on."""

    reason: str
    blocked_by: str | None = Field(
        default=None, description="The recorded thing in the way, such as `issue-<uuid>`."
    )


@published("issue.unblocked")
class IssueUnblocked(EventData):
    """Work on an issue can go on."""

    reason: str = ""


@published("issue.estimated")
class IssueEstimated(EventData):
    """The size of an issue was estimated."""

    estimate: Decimal
    unit: EstimateUnit
    estimate_before: Decimal | None = None
    unit_before: EstimateUnit | None = None


@published("issue.linked")
class IssueLinked(EventData):
    """An issue was linked to a milestone or to another issue."""

    relation: LinkRelation
    target: str = Field(description="The linked stream: `milestone-<uuid>` or `issue-<uuid>`.")


@published("issue.commented_on")
class IssueCommentedOn(EventData):
    """Somebody said something about an issue."""

    comment_id: UUID
    text: str


@published("issue.reopened")
class IssueReopened(EventData):
    """A finished or cancelled issue is open again."""

    state_before: str
    category_before: StateCategory
    state: str
    category: StateCategory
    reason: str


@published("issue.moved_out")
class IssueMovedOut(EventData):
    """An issue left this project for another one."""

    to_project_id: UUID
    reason: str = ""


@published("issue.moved_in")
class IssueMovedIn(EventData):
    """An issue came from another project and stands in a state of this project's workflow."""

    project_id: UUID
    from_project_id: UUID
    state_before: str
    category_before: StateCategory
    state: str
    category: StateCategory


@published("issue.cancelled")
class IssueCancelled(EventData):
    """An issue will not be done."""

    reason: str
    state_before: str
    category_before: StateCategory
    state: str
    category: StateCategory

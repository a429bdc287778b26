"""An issue is worked on: it moves through the workflow, is blocked and unblocked, linked and talked about."""

from dataclasses import replace
from typing import ClassVar, assert_never
from uuid import UUID, uuid4

from pydantic import Field

from libs.events.raid import (
    IssueBlocked,
    IssueCommentedOn,
    IssueLinked,
    IssueTransitioned,
    IssueUnblocked,
    LinkRelation,
)
from services.projects.aggregate import Command, Name, Reason, Rejection, Sentence, Text
from services.projects.facts import Facts, Workflow
from services.projects.raid.issue.issue import (
    Issue,
    IssueAlreadyFinished,
    Link,
    standing,
    state_named,
    unblocked,
)
from services.projects.references import StreamReference, existing

LINKS_MAX = 200

# --- Commands ---


class TransitionIssue(Command):
    """Moves to any state of the workflow; a move into the state it is in is recorded, as in life."""

    state: Name
    note: Sentence = ""


class BlockIssue(Command):
    reason: Reason
    blocked_by: StreamReference | None = Field(default=None, description="The recorded thing in the way.")

    def streams_referred(self) -> tuple[str, ...]:
        return () if self.blocked_by is None else (self.blocked_by,)


class UnblockIssue(Command):
    reason: Sentence = ""


class LinkIssue(Command):
    relation: LinkRelation
    target: StreamReference

    def streams_referred(self) -> tuple[str, ...]:
        return (self.target,)


class CommentOnIssue(Command):
    """Says something about the issue; the same `comment_id` twice in a row is one comment."""

    action: ClassVar[str | None] = "comment"

    comment_id: UUID = Field(default_factory=uuid4, description="Default: a new one.")
    text: Text = Field(min_length=1)


WorkCommand = TransitionIssue | BlockIssue | UnblockIssue | LinkIssue | CommentOnIssue

# --- Rejections ---


class LinksExhausted(Rejection):
    """An issue has at most 200 links."""


# --- Decide ---

WorkEvent = IssueTransitioned | IssueBlocked | IssueUnblocked | IssueLinked | IssueCommentedOn


def decide(issue: Issue, command: WorkCommand, workflow: Workflow, facts: Facts) -> list[WorkEvent]:
    existing(facts, command.streams_referred())
    match command:
        case TransitionIssue():
            return transition(issue, command, workflow)
        case BlockIssue():
            return block(issue, command)
        case UnblockIssue():
            return unblock(issue, command)
        case LinkIssue():
            return link(issue, command)
        case CommentOnIssue():
            return comment(issue, command)
    assert_never(command)


def transition(issue: Issue, command: TransitionIssue, workflow: Workflow) -> list[WorkEvent]:
    state = state_named(workflow, command.state)
    return [
        IssueTransitioned(
            state_before=issue.state,
            category_before=issue.category,
            state=state.name,
            category=state.category,
            note=command.note,
        )
    ]


def block(issue: Issue, command: BlockIssue) -> list[WorkEvent]:
    if issue.is_finished:
        raise IssueAlreadyFinished
    if (issue.blocked_reason, issue.blocked_by) == (command.reason, command.blocked_by):
        return []
    return [IssueBlocked(reason=command.reason, blocked_by=command.blocked_by)]


def unblock(issue: Issue, command: UnblockIssue) -> list[WorkEvent]:
    return [IssueUnblocked(reason=command.reason)] if issue.is_blocked else []


def link(issue: Issue, command: LinkIssue) -> list[WorkEvent]:
    if Link(command.relation, command.target) in issue.links:
        return []
    if len(issue.links) >= LINKS_MAX:
        raise LinksExhausted
    return [IssueLinked(relation=command.relation, target=command.target)]


def comment(issue: Issue, command: CommentOnIssue) -> list[WorkEvent]:
    if issue.last_comment_id == command.comment_id:
        return []
    return [IssueCommentedOn(comment_id=command.comment_id, text=command.text)]


# --- Evolve ---


def evolve(issue: Issue, event: WorkEvent) -> Issue:
    match event:
        case IssueTransitioned():
            return standing(issue, event.state, event.category)
        case IssueBlocked():
            return replace(issue, is_blocked=True, blocked_reason=event.reason, blocked_by=event.blocked_by)
        case IssueUnblocked():
            return unblocked(issue)
        case IssueLinked():
            return replace(issue, links=(*issue.links, Link(event.relation, event.target)))
        case IssueCommentedOn():
            comments = issue.comment_count + 1
            return replace(issue, last_comment_id=event.comment_id, comment_count=comments)
    assert_never(event)

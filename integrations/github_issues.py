"""GitHub issues and pull requests become issues in one project, closed as done or as cancelled.

A pull request is done when it is merged, and cancelled when it is closed without that. Events that no
command expresses (labels, locks) are counted by their name; renamings and milestones become comments.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from integrations.event_log import project_lines
from integrations.github_events import GitHubEvent
from integrations.import_line import NAME_LENGTH_MAX, ImportLine, identity, key, printable, shortened
from integrations.noticing import Converted, Notice, chronological
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueKind

OPEN, DRAFT, DONE, CANCELLED = "Open", "Draft", "Done", "Cancelled"
WORKFLOW = {
    OPEN: StateCategory.TODO,
    DRAFT: StateCategory.ACTIVE,
    DONE: StateCategory.DONE,
    CANCELLED: StateCategory.CANCELLED,
}
_REVIEW_STATES = {"convert_to_draft": DRAFT, "converted_to_draft": DRAFT, "ready_for_review": OPEN}
_TOLD = frozenset(("renamed", "milestoned", "demilestoned"))
_NOT_DONE_REASONS = frozenset(("not_planned", "duplicate"))
_COMMENT_LENGTH_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Options:
    """`source` keeps ids and keys of different repositories apart."""

    source: str
    project: str


def convert(events: Iterable[GitHubEvent | Notice], options: Options) -> Converted:
    """A project, and an issue per GitHub issue or pull request, in the order of time."""
    return chronological(_found(events, options))


def _found(events: Iterable[GitHubEvent | Notice], options: Options) -> Iterator[ImportLine | Notice]:
    issues: dict[str, list[GitHubEvent]] = {}
    for event in events:
        if isinstance(event, Notice):
            yield event
        else:
            issues.setdefault(event.issue, []).append(event)
    if not issues:
        yield Notice("empty", "there are no events that can be read")
        return
    starts_at = min(min(event.at, event.opened_at or event.at) for each in issues.values() for event in each)
    yield from project_lines(options.source, options.project, WORKFLOW, starts_at)
    for issue in issues.values():
        yield from _issue(issue, options)


def _issue(events: list[GitHubEvent], options: Options) -> Iterator[ImportLine | Notice]:
    ordered = sorted(events, key=lambda event: event.at)
    life = _IssueLife(options, merged_at=frozenset(event.at for event in ordered if event.event == "merged"))
    if ordered[0].event != "opened":
        yield from life.open(_opening(ordered))
    for event in ordered:
        yield from life.follow(event)


def _opening(events: list[GitHubEvent]) -> GitHubEvent:
    """The opening that is not among the events: GitHub's REST API tells it only with the issue."""
    first = events[0]
    return GitHubEvent(
        number=first.number,
        issue=first.issue,
        is_pull=first.is_pull,
        at=min(first.at, first.opened_at or first.at),
        event="opened",
        actor=first.opened_by,
        title=next((event.title for event in events if event.title), ""),
    )


@dataclass(slots=True)
class _IssueLife:
    """What the lines so far made of an issue; `merged_at` are the instants at which it was merged."""

    options: Options
    merged_at: frozenset[datetime]
    state: str = field(default="", init=False)
    assignee: str = field(default="", init=False)
    count: int = field(default=0, init=False)

    @property
    def is_open(self) -> bool:
        return self.state in (OPEN, DRAFT)

    def follow(self, event: GitHubEvent) -> Iterator[ImportLine | Notice]:
        match event.event:
            case "opened":
                yield from self.open(event)
            case "merged" if self.state != DONE:
                yield self._move(event, DONE, note="Merged.")
            case "closed":
                yield self._close(event)
            case "reopened" if not self.is_open:
                self.state = OPEN
                yield self._line(event, "reopen", {"state": OPEN, "reason": "Reopened on GitHub."})
            case "assigned" | "unassigned":
                yield self._assign(event)
            case _ if self.is_open and event.event in _REVIEW_STATES:
                yield self._move(event, _REVIEW_STATES[event.event])
            case _:
                yield self._tell(event)

    def open(self, event: GitHubEvent) -> Iterator[ImportLine | Notice]:
        if self.state:
            yield Notice("opened_again", f"{event.issue} was opened before", event.number)
            return
        self.state = OPEN
        body = {
            "project_id": str(identity(self.options.source, self.options.project)),
            "title": shortened(printable(event.title), NAME_LENGTH_MAX) or f"#{event.issue}",
            "kind": (IssueKind.REQUEST if event.is_pull else IssueKind.TASK).value,
            "state": OPEN,
        }
        yield self._line(event, "raise", body)

    def _close(self, event: GitHubEvent) -> ImportLine | Notice:
        if event.at in self.merged_at or (event.is_pull and self.state == DONE):
            return Notice("closed_by_merge", f"{event.issue} was closed by its merge", event.number)
        if not self.is_open:
            return Notice("closed_again", f"{event.issue} was closed before", event.number)
        if event.is_pull:
            return self._cancel(event, "Closed without being merged.")
        if event.state_reason in _NOT_DONE_REASONS:
            return self._cancel(event, f"Closed as {event.state_reason.replace('_', ' ')}.")
        return self._move(event, DONE)

    def _cancel(self, event: GitHubEvent, reason: str) -> ImportLine:
        self.state = CANCELLED
        return self._line(event, "cancel", {"reason": reason})

    def _move(self, event: GitHubEvent, state: str, note: str = "") -> ImportLine:
        self.state = state
        return self._line(event, "transition", {"state": state, **({"note": note} if note else {})})

    def _assign(self, event: GitHubEvent) -> ImportLine | Notice:
        """GitHub names the assignee as the actor where it does not say who assigned them."""
        person = event.assignee or event.actor
        if event.event == "assigned":
            self.assignee = person
        elif person == self.assignee:
            self.assignee = ""
        else:
            return Notice("unassigned_another", f"{event.issue} is with another assignee", event.number)
        assignee_id = str(self._person_id(self.assignee)) if self.assignee else None
        return self._line(event, "assign", {"assignee_id": assignee_id})

    def _tell(self, event: GitHubEvent) -> ImportLine | Notice:
        """What changes nothing we keep is a comment where it has something to say, and else counted."""
        if event.event not in _TOLD or not event.subject:
            return Notice(event.event, f"no command for {event.event} of {event.issue}", event.number)
        names = (self.options.source, self.options.project, event.issue, "comment", str(self.count))
        body = {"comment_id": str(identity(*names)), "text": event.subject[:_COMMENT_LENGTH_MAX]}
        return self._line(event, "comment", body)

    def _person_id(self, name: str) -> UUID:
        return identity(self.options.source, "person", name)

    def _line(self, event: GitHubEvent, verb: str, body: dict[str, Any]) -> ImportLine:
        names = (self.options.source, self.options.project, event.issue)
        self.count += 1
        return ImportLine(
            key=key(*names, str(self.count)),
            command=f"issue.{verb}",
            stream=f"issue-{identity(*names)}",
            effective_at=event.at,
            body=body,
            on_behalf_of=self._person_id(event.actor) if event.actor else None,
        )

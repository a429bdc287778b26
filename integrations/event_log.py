"""Event logs become issues: a case is an issue, each of its events a move into the state it names.

The first event of a case raises the issue in that state, every later one is a transition, also into the
same state; who has the issue follows the resource and group of the events.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from integrations.import_line import NAME_LENGTH_MAX, ImportLine, identity, key, printable, shortened
from integrations.noticing import Converted, Notice, chronological
from integrations.workflow_guess import workflow
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueKind

STATES_MAX = 50


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event of a case; `number` counts the records of the file from 1. Empty text means: not said."""

    number: int
    case_id: str
    at: datetime
    activity: str
    lifecycle: str = ""
    resource: str = ""
    group: str = ""
    title: str = ""


class Lifecycle(StrEnum):
    """What an event's lifecycle transition (start, complete, …) has to do with the issue's state."""

    IGNORE = "ignore"
    COMBINE = "combine"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Options:
    """`source` keeps ids and keys of different logs apart; `categories` overrules guesses by state name.

    `lifecycle`: ignore it, combine it with the activity into the state, or take only `complete` events.
    `is_snapshots`: a record is a snapshot, so one in an unchanged state is no transition.
    """

    source: str
    project: str
    kind: IssueKind = IssueKind.TASK
    categories: Mapping[str, StateCategory] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle.IGNORE
    is_snapshots: bool = False

    @property
    def project_id(self) -> UUID:
        return identity(self.source, self.project)

    def issue_id(self, case_id: str) -> UUID:
        return identity(self.source, self.project, case_id)

    def person_id(self, name: str) -> UUID:
        return identity(self.source, "person", name)


@dataclass(frozen=True, slots=True)
class ConvertedLog:
    """The lines of a log, and what its states were taken to mean."""

    converted: Converted
    workflow: Mapping[str, StateCategory]


class TooManyStates(Exception):
    """The activities of the log are no states: a workflow has at most `STATES_MAX` of them."""


def convert(events: Iterable[LogEvent | Notice], options: Options) -> ConvertedLog:
    """A project with the workflow of the log, and an issue per case, in the order of time.

    Raises `TooManyStates`.
    """
    notices: list[Notice] = []
    cases: dict[str, list[LogEvent]] = {}
    for event in _usable(events, options):
        if isinstance(event, Notice):
            notices.append(event)
        else:
            cases.setdefault(event.case_id, []).append(event)
    chronicle = sorted((event for case in cases.values() for event in case), key=lambda event: event.at)
    states = workflow(dict.fromkeys(event.activity for event in chronicle), options.categories)
    if len(states) > STATES_MAX:
        raise TooManyStates(
            f"{len(states)} different activities are too many for a workflow of at most {STATES_MAX} states; "
            "choose the attribute that holds the state"
        )
    lines = _found(cases, states, chronicle[0].at if chronicle else None, options)
    return ConvertedLog(chronological((*notices, *lines)), states)


def _usable(events: Iterable[LogEvent | Notice], options: Options) -> Iterator[LogEvent | Notice]:
    for event in events:
        if isinstance(event, Notice):
            yield event
        elif options.lifecycle is Lifecycle.COMPLETE and event.lifecycle.lower() not in ("", "complete"):
            yield Notice("lifecycle_left_out", f"a {event.lifecycle} of {event.activity}", event.number)
        else:
            yield from _named(event, options)


def _named(event: LogEvent, options: Options) -> Iterator[LogEvent | Notice]:
    """The event with its state's name as it will be recorded."""
    written = printable(event.activity)
    if options.lifecycle is Lifecycle.COMBINE and event.lifecycle:
        written = f"{written}-{printable(event.lifecycle)}"
    state = shortened(written, NAME_LENGTH_MAX)
    if not state or not printable(event.case_id):
        yield Notice("unnamed", "the event has no activity or no case", event.number, is_bad=True)
        return
    if state != written:
        yield Notice("name_shortened", f"a state's name became {state}", event.number)
    yield LogEvent(
        event.number,
        event.case_id.strip(),
        event.at,
        state,
        event.lifecycle,
        printable(event.resource),
        shortened(printable(event.group), NAME_LENGTH_MAX),
        event.title,
    )


def _found(
    cases: Mapping[str, list[LogEvent]],
    states: Mapping[str, StateCategory],
    starts_at: datetime | None,
    options: Options,
) -> Iterator[ImportLine | Notice]:
    if starts_at is None:
        yield Notice("empty", "the log has no events that can be read")
        return
    yield from project_lines(options.source, options.project, states, starts_at)
    for case_id, events in cases.items():
        yield from _out_of_order(events)
        yield from _issue(case_id, sorted(events, key=lambda event: event.at), options)


def project_lines(
    source: str, project: str, states: Mapping[str, StateCategory], starts_at: datetime
) -> Iterator[ImportLine]:
    """A project that stands before its first issue, with a workflow of these states."""
    stream = f"project-{identity(source, project)}"
    body = {
        "name": shortened(printable(project), NAME_LENGTH_MAX),
        "summary": f"Imported from {printable(source)[:NAME_LENGTH_MAX]}.",
    }
    yield ImportLine(key(source, project, "propose"), "project.propose", stream, starts_at, body)
    names = [{"name": name, "category": category.value} for name, category in states.items()]
    yield ImportLine(
        key(source, project, "adopt-workflow"), "project.adopt-workflow", stream, starts_at, {"states": names}
    )


def _out_of_order(events: list[LogEvent]) -> Iterator[Notice]:
    for before, event in pairwise(events):
        if event.at < before.at:
            yield Notice("out_of_order", f"{event.case_id}: earlier than the event above it", event.number)


def _issue(case_id: str, events: list[LogEvent], options: Options) -> Iterator[ImportLine | Notice]:
    """Whoever takes the issue has it before it moves; nobody can have it before it is raised."""
    holder, state = ("", ""), ""
    for count, event in enumerate(events, start=1):
        before, holder = holder, (event.resource or holder[0], event.group or holder[1])
        assignment = _line(event, count, "assign", _assigned(holder, options), options)
        if count == 1:
            yield _line(event, count, "raise", _raised(event, options), options)
        if holder != before:
            yield assignment
        if options.is_snapshots and event.activity == state:
            yield Notice("state_unchanged", f"{case_id}: still {state}", event.number)
        elif count > 1:
            yield _line(event, count, "transition", {"state": event.activity}, options)
        state = event.activity


def _line(event: LogEvent, count: int, verb: str, body: dict[str, Any], options: Options) -> ImportLine:
    names = (options.source, options.project, event.case_id, str(count))
    return ImportLine(
        key=key(*names, "assign") if verb == "assign" else key(*names),
        command=f"issue.{verb}",
        stream=f"issue-{options.issue_id(event.case_id)}",
        effective_at=event.at,
        body=body,
        on_behalf_of=options.person_id(event.resource) if event.resource else None,
    )


def _raised(event: LogEvent, options: Options) -> dict[str, Any]:
    title = printable(event.title) or f"Case {printable(event.case_id)}"
    return {
        "project_id": str(options.project_id),
        "title": shortened(title, NAME_LENGTH_MAX),
        "kind": options.kind.value,
        "state": event.activity,
    }


def _assigned(holder: tuple[str, str], options: Options) -> dict[str, Any]:
    resource, group = holder
    return {
        "assignee_id": str(options.person_id(resource)) if resource else None,
        "team": group or None,
    }

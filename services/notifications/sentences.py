"""An event told in a sentence people read, with the names its entities had at that moment."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from libs.events.envelope import Event, aggregate_of, entity_id_of, stream_name
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
from services.notifications.access_sentences import ACCESS_SENTENCES

REASON_LENGTH_MAX = 300
NAME_LENGTH_MAX = 120

Names = Mapping[str, str]


def sentence(event: Event, names: Names) -> str:
    """What happened, in one sentence; `names` maps streams to the names of their entities.

    An event nobody wrote a sentence for is told by its type, never dropped.
    """
    tell = SENTENCES.get(type(event.data))
    subject = _subject(event, names)
    if tell is None:
        return f"{subject}: {event.envelope.type}."
    return f"{subject} {tell(event.data, names)}."


def name_given(event: Event) -> str | None:
    """The name this event gives to the entity of its stream, where it gives one."""
    match event.data:
        case ProjectProposed(name=name) | MilestonePlanned(name=name) | IssueRaised(title=name):
            return name
        case _:
            return None


def streams_mentioned(event: Event) -> tuple[str, ...]:
    """Streams whose names the event's sentence may want."""
    streams = [event.envelope.stream]
    if event.envelope.project_id is not None:
        streams.append(stream_name("project", event.envelope.project_id))
    match event.data:
        case IssueMovedOut(to_project_id=project_id) | IssueMovedIn(from_project_id=project_id):
            streams.append(stream_name("project", project_id))
        case IssueBlocked(blocked_by=str(stream)) | IssueLinked(target=stream):
            streams.append(stream)
        case MilestoneReforecast(caused_by=causes):
            streams.extend(cause.stream for cause in causes if cause.stream is not None)
    return tuple(streams)


def _subject(event: Event, names: Names) -> str:
    envelope = event.envelope
    entity = _named(envelope.stream, names)
    if aggregate_of(envelope.stream) == "project" or envelope.project_id is None:
        return entity
    project = names.get(stream_name("project", envelope.project_id))
    return entity if project is None else f"{entity} in “{_short(project, NAME_LENGTH_MAX)}”"


def _named(stream: str, names: Names) -> str:
    """`Milestone “3.9.0 final”`; without a name, the beginning of its id."""
    aggregate = aggregate_of(stream).replace("_", " ")
    name = names.get(stream)
    told = f"“{_short(name, NAME_LENGTH_MAX)}”" if name else _id_of(stream)
    return f"{aggregate.capitalize()} {told}".strip()


def _id_of(stream: str) -> str:
    try:
        return str(entity_id_of(stream))[:8]
    except ValueError:
        return _short(stream, NAME_LENGTH_MAX)


def _short(text: str, length: int) -> str:
    """One line of at most `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _because(reason: str) -> str:
    line = _short(reason, REASON_LENGTH_MAX).rstrip(".")
    return f": {line}" if line else ""


def _day(day: date | None, otherwise: str) -> str:
    return otherwise if day is None else day.isoformat()


def _lower_named(stream: str, names: Names) -> str:
    told = _named(stream, names)
    return told[:1].lower() + told[1:]


def _reforecast(data: MilestoneReforecast, names: Names) -> str:
    before = _day(data.forecast_on_before, "no date")
    causes = [_lower_named(cause.stream, names) for cause in data.caused_by if cause.stream is not None]
    caused = f" (caused by {', '.join(causes[:3])})" if causes else ""
    return f"is now expected on {data.forecast_on}, before that {before}{caused}{_because(data.reason)}"


def _planned(data: MilestonePlanned, names: Names) -> str:
    return f"was planned for {data.target_on}" if data.target_on else "was planned without a date"


def _triaged(data: IssueTriaged, names: Names) -> str:
    kind = (
        f"is a {data.kind.value}"
        if data.kind is data.kind_before
        else f"turned out to be a {data.kind.value}"
    )
    return f"{kind} of {data.priority.value} priority{_because(data.note)}"


def _assigned(data: IssueAssigned, names: Names) -> str:
    if data.assignee_id is not None:
        team = f" in team {_short(data.team, NAME_LENGTH_MAX)}" if data.team else ""
        verb = "was reassigned" if data.assignee_id_before not in (None, data.assignee_id) else "was assigned"
        return f"{verb}{team}"
    if data.team is not None:
        return f"was given to team {_short(data.team, NAME_LENGTH_MAX)}"
    return "is assigned to nobody"


def _transitioned(data: IssueTransitioned, names: Names) -> str:
    if data.state == data.state_before:
        return f"stays in “{_short(data.state, NAME_LENGTH_MAX)}”{_because(data.note)}"
    before, after = (_short(state, NAME_LENGTH_MAX) for state in (data.state_before, data.state))
    return f"went from “{before}” to “{after}”{_because(data.note)}"


def _blocked(data: IssueBlocked, names: Names) -> str:
    by = f" by {_lower_named(data.blocked_by, names)}" if data.blocked_by else ""
    return f"is blocked{by}{_because(data.reason)}"


def _estimated(data: IssueEstimated, names: Names) -> str:
    before = (
        f", before that {data.estimate_before} {data.unit_before}" if data.estimate_before is not None else ""
    )
    return f"was estimated at {data.estimate} {data.unit}{before}"


def _linked(data: IssueLinked, names: Names) -> str:
    relation = {"relates_to": "relates to", "caused_by": "is caused by"}.get(
        data.relation, data.relation.value
    )
    return f"{relation} {_lower_named(data.target, names)}"


def _moved_out(data: IssueMovedOut, names: Names) -> str:
    return (
        f"moved to {_lower_named(stream_name('project', data.to_project_id), names)}{_because(data.reason)}"
    )


def _moved_in(data: IssueMovedIn, names: Names) -> str:
    return f"came from {_lower_named(stream_name('project', data.from_project_id), names)}"


def _charter(data: CharterApproved, names: Names) -> str:
    finish = f", to finish on {data.finishes_on}" if data.finishes_on else ""
    return f"has an approved charter{finish}{_because(data.purpose)}"


def _withdrawn(data: MilestoneAchievementWithdrawn, names: Names) -> str:
    return f"was not achieved on {data.achieved_on_before} after all{_because(data.reason)}"


def _corrected(data: MilestoneAchievementCorrected, names: Names) -> str:
    return f"was achieved on {data.achieved_on}, not on {data.achieved_on_before}{_because(data.reason)}"


def _rebaselined(data: MilestoneRebaselined, names: Names) -> str:
    return (
        f"is now promised for {data.baseline_on} instead of {data.baseline_on_before}"
        f" by change {_short(data.change, NAME_LENGTH_MAX)}{_because(data.reason)}"
    )


def _raised(data: IssueRaised, names: Names) -> str:
    priority = f" with {data.priority.value} priority" if data.priority else ""
    return f"was raised as a {data.kind.value}{priority}"


def _reopened(data: IssueReopened, names: Names) -> str:
    return f"is open again in “{_short(data.state, NAME_LENGTH_MAX)}”{_because(data.reason)}"


def _workflow(data: WorkflowAdopted, names: Names) -> str:
    return f"has a new workflow: {_short(', '.join(state.name for state in data.states), REASON_LENGTH_MAX)}"


SENTENCES: Mapping[type[Any], Callable[[Any, Names], str]] = {
    ProjectProposed: lambda data, names: f"was proposed{_because(data.summary)}",
    CharterApproved: _charter,
    MethodologyAdopted: lambda data, names: (
        f"now works by {data.methodology.value.replace('_', ' ')}{_because(data.reason)}"
    ),
    WorkflowAdopted: _workflow,
    PhaseEntered: lambda data, names: f"entered the phase “{data.phase.value}”",
    ProjectPutOnHold: lambda data, names: f"was put on hold{_because(data.reason)}",
    ProjectResumed: lambda data, names: f"goes on in state “{data.state.value}”",
    ProjectClosed: lambda data, names: f"was closed{_because(data.outcome)}",
    ProjectCancelled: lambda data, names: f"was cancelled{_because(data.reason)}",
    MilestonePlanned: _planned,
    MilestoneCommitted: lambda data, names: f"is promised for {data.baseline_on}",
    MilestoneRebaselined: _rebaselined,
    MilestoneReforecast: _reforecast,
    MilestoneAchieved: lambda data, names: f"was achieved on {data.achieved_on}{_because(data.note)}",
    MilestoneAchievementCorrected: _corrected,
    MilestoneAchievementWithdrawn: _withdrawn,
    MilestoneCancelled: lambda data, names: f"was cancelled{_because(data.reason)}",
    MilestoneReinstated: lambda data, names: f"is wanted again{_because(data.reason)}",
    IssueRaised: _raised,
    IssueTriaged: _triaged,
    IssueAssigned: _assigned,
    IssueTransitioned: _transitioned,
    IssueBlocked: _blocked,
    IssueUnblocked: lambda data, names: f"is no longer blocked{_because(data.reason)}",
    IssueEstimated: _estimated,
    IssueLinked: _linked,
    IssueCommentedOn: lambda data, names: f"was commented on{_because(data.text)}",
    IssueReopened: _reopened,
    IssueMovedOut: _moved_out,
    IssueMovedIn: _moved_in,
    IssueCancelled: lambda data, names: f"was cancelled{_because(data.reason)}",
    **ACCESS_SENTENCES,
}

"""A second, independent reading of the log: what timeline must show, folded from plain JSON, one event at a time.

It shares no code with the services. It also holds every event against the state it claims to find: a decision made on
something stale shows here as a `…_before` that was not so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.support import reference_access
from tests.support.reference_state import Folded, LogContradicted, Row, State, begun, held

Key = tuple[str, str]

FINISHED = ("done", "cancelled")
PROJECT_TYPES = ("project", "charter", "methodology", "workflow", "phase")


@dataclass
class Expected:
    """What the read models must hold: entities by organization and id, and every change with the state after it."""

    projects: dict[Key, State] = field(default_factory=dict)
    milestones: dict[Key, State] = field(default_factory=dict)
    issues: dict[Key, State] = field(default_factory=dict)
    members: dict[Key, State] = field(default_factory=dict)
    api_keys: dict[Key, State] = field(default_factory=dict)
    organizations: dict[Key, State] = field(default_factory=dict)
    project_changes: list[State] = field(default_factory=list)
    milestone_changes: list[State] = field(default_factory=list)
    issue_changes: list[State] = field(default_factory=list)
    member_changes: list[State] = field(default_factory=list)
    api_key_changes: list[State] = field(default_factory=list)
    organization_changes: list[State] = field(default_factory=list)
    activity: list[State] = field(default_factory=list)
    moments: dict[str, int] = field(default_factory=dict)


def fold(log: Iterable[Row]) -> Expected:
    """Fold events, in the order of their positions, as `to_jsonb` gives the rows of the log."""
    expected = Expected()
    for event in log:
        kind = str(event["stream"])[:-37]
        entities: dict[Key, State] = getattr(expected, f"{kind}s")
        key = (event["org_id"], event["stream"][-36:])
        before = entities.get(key)
        after, note, detail = FOLDS[kind](before, event)
        after.update(_clocks(event))
        entities[key] = after
        told = {"type": event["type"], "actor": event["actor"], "note": note or None, "detail": detail}
        getattr(expected, f"{kind}_changes").append({**after, **told})
        if event["project_id"] is not None:
            expected.activity.append(_activity(event))
        expected.moments[event["recorded_at"]] = event["position"]
    return expected


def _clocks(event: Row) -> State:
    return {
        "org_id": event["org_id"],
        "known_from": event["position"],
        "version": event["version"],
        "recorded_at": event["recorded_at"],
        "effective_at": event["effective_at"],
    }


def _activity(event: Row) -> State:
    names = (
        *("org_id", "project_id", "position", "recorded_at", "effective_at", "event_id", "type", "stream"),
        *("version", "actor", "on_behalf_of"),
    )
    return {name: event[name] for name in names}


# --- Projects ---


def _project(before: State | None, event: Row) -> Folded:
    data = event["data"]
    state = begun(event, before, "project.proposed")
    note = data.get("reason")
    detail = None
    match event["type"]:
        case "project.proposed":
            absent = dict.fromkeys(("methodology", "starts_on", "finishes_on", "workflow"))
            state |= {"project_id": data["project_id"], "name": data["name"], "state": "proposed", **absent}
            note = data.get("summary")
        case "charter.approved":
            state["starts_on"], state["finishes_on"] = data.get("starts_on"), data.get("finishes_on")
            if state["state"] == "proposed":
                state["state"] = "chartered"
            note = data["purpose"]
            detail = {"objectives": data["objectives"]} if data.get("objectives") else None
        case "methodology.adopted":
            held(event, state, "methodology")
            state["methodology"] = data["methodology"]
        case "workflow.adopted":
            state["workflow"] = data["states"]
        case "phase.entered":
            held(event, state, "state")
            state["state"] = data["phase"]
        case "project.put_on_hold" | "project.closed" | "project.cancelled":
            held(event, state, "state")
            state["state"] = event["type"].partition(".")[2].removeprefix("put_")
            note = data.get("reason") or data.get("outcome")
        case "project.resumed":
            state["state"] = data["state"]
        case other:
            raise LogContradicted(f"{event['stream']} has a {other}")
    return state, note, detail


# --- Milestones ---


def _milestone(before: State | None, event: Row) -> Folded:
    data = event["data"]
    state = begun(event, before, "milestone.planned")
    note = data.get("reason")
    detail = None
    match event["type"]:
        case "milestone.planned":
            state |= {"milestone_id": event["stream"][-36:], "project_id": data["project_id"]}
            state |= {"name": data["name"], "state": "planned", "forecast_on": data.get("target_on")}
            state |= {"baseline_on": None, "achieved_on": None, "reforecast_count": 0}
            note = data.get("description")
        case "milestone.committed":
            state |= {"state": "committed", "baseline_on": data["baseline_on"]}
        case "milestone.rebaselined":
            held(event, state, "baseline_on")
            state["baseline_on"] = data["baseline_on"]
            detail = {"change": data["change"]}
        case "milestone.reforecast":
            held(event, state, "forecast_on")
            state["reforecast_count"] += state["forecast_on"] is not None
            state["forecast_on"] = data["forecast_on"]
            detail = _causes(data)
        case "milestone.achieved":
            state |= {"state": "achieved", "achieved_on": data["achieved_on"]}
            note = data.get("note")
        case "milestone.achievement_corrected":
            held(event, state, "achieved_on")
            state["achieved_on"] = data["achieved_on"]
        case "milestone.achievement_withdrawn":
            held(event, state, "achieved_on")
            state |= {"state": data["state"], "achieved_on": None}
        case "milestone.cancelled":
            held(event, state, "state")
            state["state"] = "cancelled"
        case "milestone.reinstated":
            state["state"] = data["state"]
        case other:
            raise LogContradicted(f"{event['stream']} has a {other}")
    return state, note, detail


def _causes(data: Row) -> Any:
    causes = [
        {"cause_class": cause["cause_class"], "stream": cause.get("stream"), "note": cause.get("note", "")}
        for cause in data.get("caused_by", ())
    ]
    return {"caused_by": causes} if causes else None


# --- Issues ---


def _issue(before: State | None, event: Row) -> Folded:
    data = event["data"]
    state = begun(event, before, "issue.raised")
    note = data.get("reason") or data.get("note")
    detail = None
    match event["type"]:
        case "issue.raised":
            state = _raised(event)
            note = data.get("description")
        case "issue.triaged":
            held(event, state, "kind", "priority")
            state |= {"kind": data["kind"], "priority": data["priority"]}
        case "issue.assigned":
            held(event, state, "assignee_id", "team")
            state |= {"assignee_id": data.get("assignee_id"), "team": data.get("team")}
        case "issue.transitioned" | "issue.reopened" | "issue.cancelled" | "issue.moved_in":
            detail = _entered(event, state)
        case "issue.blocked":
            state |= {"is_blocked": True, "blocked_at": state["blocked_at"] or event["effective_at"]}
            detail = {"blocked_by": data["blocked_by"]} if data.get("blocked_by") else None
        case "issue.unblocked":
            state |= {"is_blocked": False, "blocked_at": None}
        case "issue.estimated":
            state |= {"estimate": Decimal(data["estimate"]), "estimate_unit": data["unit"]}
        case "issue.commented_on":
            state["comment_count"] += 1
            note, detail = data["text"], {"comment_id": data["comment_id"]}
        case "issue.linked" | "issue.moved_out":
            detail = {name: data[name] for name in ("relation", "target", "to_project_id") if name in data}
        case other:
            raise LogContradicted(f"{event['stream']} has a {other}")
    return state, note, detail


def _raised(event: Row) -> State:
    data, at = event["data"], event["effective_at"]
    absent = ("assignee_id", "team", "blocked_at", "estimate", "estimate_unit")
    counts = ("reopen_count", "comment_count", "move_count")
    return {
        "issue_id": event["stream"][-36:],
        **{name: data[name] for name in ("project_id", "title", "kind", "state", "category")},
        "priority": data.get("priority"),
        "is_blocked": False,
        **dict.fromkeys(absent),
        **dict.fromkeys(("raised_at", "entered_state_at"), at),
        "status_event_count": 1,
        **dict.fromkeys(counts, 0),
    }


def _entered(event: Row, state: State) -> Any:
    """The issue came into a state, or was said again to be in it; finishing it takes a block away."""
    data = event["data"]
    held(event, state, "state", "category")
    was_finished, is_finished = state["category"] in FINISHED, data["category"] in FINISHED
    if event["type"] == "issue.transitioned":
        state["status_event_count"] += 1
    if event["type"] != "issue.transitioned" or data["state"] != state["state"]:
        state["entered_state_at"] = event["effective_at"]
    state["reopen_count"] += was_finished and not is_finished
    if is_finished:
        state |= {"is_blocked": False, "blocked_at": None}
    state |= {"state": data["state"], "category": data["category"]}
    if event["type"] != "issue.moved_in":
        return None
    if data["from_project_id"] != state["project_id"]:
        raise LogContradicted(f"position {event['position']}: the issue was in {state['project_id']}")
    state |= {"project_id": data["project_id"], "move_count": state["move_count"] + 1}
    return {"from_project_id": data["from_project_id"]}


FOLDS = {
    "project": _project,
    "milestone": _milestone,
    "issue": _issue,
    "organization": reference_access.organization,
    "member": reference_access.member,
    "api_key": reference_access.api_key,
}

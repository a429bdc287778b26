"""How an issue stands after each of its events, read from plain JSON."""

from decimal import Decimal
from typing import Any

from services.projects.verifying.folding.state import Change, Row, State, unread

FINISHED = ("done", "cancelled")


def fold(state: State, event: Row) -> Change:
    data = event["data"]
    note = data.get("reason") or data.get("note")
    detail = None
    match event["type"]:
        case "issue.raised":
            state |= _raised(event)
            note = data.get("description")
        case "issue.triaged":
            state |= {"kind": data["kind"], "priority": data["priority"]}
        case "issue.assigned":
            state |= {"assignee_id": data.get("assignee_id"), "team": data.get("team")}
        case "issue.transitioned" | "issue.reopened" | "issue.cancelled" | "issue.moved_in":
            detail = _entered(event, state)
        case "issue.estimated":
            state |= {"estimate": Decimal(data["estimate"]), "estimate_unit": data["unit"]}
        case "issue.commented_on":
            state["comment_count"] += 1
            note, detail = data["text"], {"comment_id": data["comment_id"]}
        case "issue.linked" | "issue.moved_out":
            detail = {name: data[name] for name in ("relation", "target", "to_project_id") if name in data}
        case _:
            detail = _waited(event, state)
    return Change(state, note, detail)


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


def _waited(event: Row, state: State) -> Any:
    """It waits for something, or does not any more."""
    data = event["data"]
    match event["type"]:
        case "issue.blocked":
            state |= {"is_blocked": True, "blocked_at": state["blocked_at"] or event["effective_at"]}
            return {"blocked_by": data["blocked_by"]} if data.get("blocked_by") else None
        case "issue.unblocked":
            state |= {"is_blocked": False, "blocked_at": None}
            return None
    raise unread(event)


def _entered(event: Row, state: State) -> Any:
    """The issue came into a state, or was said again to be in it; finishing it takes a block away."""
    data = event["data"]
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
    state |= {"project_id": data["project_id"], "move_count": state["move_count"] + 1}
    return {"from_project_id": data["from_project_id"]}

"""What was promised of issues: any state of their project's workflow, a block that ends with the work, a whole move."""

from typing import Any

from tests.support.promised.outcome import (
    Became,
    Body,
    Elsewhere,
    Refused,
    State,
    all_exist,
    created,
    open_project,
    unless_same,
)

Workflow = list[dict[str, Any]]
FINISHED = ("done", "cancelled")
UNBLOCKED = {"is_blocked": False, "blocked_reason": None, "blocked_by": None}


def issue(elsewhere: Elsewhere, before: State | None, verb: str, body: Body) -> Became:
    if verb == "raise":
        workflow = open_project(elsewhere, body["project_id"])["workflow"]
        return created(before, raised(body, workflow), "issue_already_raised")
    assert before is not None
    workflow = open_project(elsewhere, before["project_id"])["workflow"]
    all_exist(elsewhere, body.get("blocked_by"), body.get("target"))
    if verb == "move":
        return moved(elsewhere, before, body)
    if verb in STANDING:
        return STANDING[verb](before, body, workflow)
    return unless_same(before, CHANGED[verb](before, body))


def raised(body: Body, workflow: Workflow) -> State:
    named = body.get("state")
    state = state_named(workflow, named) if named else first(workflow, "todo") or workflow[0]
    nothing_yet = dict.fromkeys(
        ("assignee_id", "team", "blocked_reason", "blocked_by", "estimate", "unit", "last_comment_id")
    )
    return {
        **nothing_yet,
        "project_id": body["project_id"],
        "title": body["title"],
        "description": body.get("description", ""),
        "kind": body.get("kind", "task"),
        "priority": body.get("priority"),
        "state": state["name"],
        "category": state["category"],
        "is_blocked": False,
        "links": [],
        "comment_count": 0,
        "reopen_count": 0,
    }


def first(workflow: Workflow, *categories: str) -> dict[str, Any] | None:
    return next((state for state in workflow if state["category"] in categories), None)


def state_named(workflow: Workflow, name: str) -> dict[str, Any]:
    found = next((state for state in workflow if state["name"] == name), None)
    if found is None:
        raise Refused("state_unknown")
    return found


def standing(before: State, state: dict[str, Any], events: int = 1) -> Became:
    """In another state: finishing takes the block away, leaving the finish reopens."""
    after = {**before, "state": state["name"], "category": state["category"]}
    if state["category"] in FINISHED:
        return Became({**after, **UNBLOCKED}, events)
    reopened = before["category"] in FINISHED
    return Became({**after, "reopen_count": before["reopen_count"] + reopened}, events)


def transition(before: State, body: Body, workflow: Workflow) -> Became:
    return standing(before, state_named(workflow, body["state"]))


def cancel(before: State, body: Body, workflow: Workflow) -> Became:
    if before["category"] == "cancelled":
        return Became(before, 0)
    if before["category"] == "done":
        raise Refused("issue_already_finished")
    state = first(workflow, "cancelled")
    if state is None:
        raise Refused("workflow_without_state")
    return standing(before, state)


def reopen(before: State, body: Body, workflow: Workflow) -> Became:
    named = body.get("state")
    if before["category"] not in FINISHED:
        if named in (None, before["state"]):
            return Became(before, 0)
        raise Refused("issue_not_finished")
    if named is None:
        state = first(workflow, "todo") or first(workflow, "active", "waiting")
        if state is None:
            raise Refused("workflow_without_state")
    else:
        state = state_named(workflow, named)
        if state["category"] in FINISHED:
            raise Refused("state_finished")
    return standing(before, state)


def moved(elsewhere: Elsewhere, before: State, body: Body) -> Became:
    """Out of one project and into the other: two events."""
    if body["project_id"] == before["project_id"]:
        return Became(before, 0)
    workflow = open_project(elsewhere, body["project_id"])["workflow"]
    same_name = next((state for state in workflow if state["name"] == before["state"]), None)
    state = same_name or first(workflow, before["category"]) or workflow[0]
    return standing({**before, "project_id": body["project_id"]}, state, events=2)


def block(before: State, body: Body, workflow: Workflow) -> Became:
    if before["category"] in FINISHED:
        raise Refused("issue_already_finished")
    because = {"blocked_reason": body["reason"], "blocked_by": body.get("blocked_by")}
    return unless_same(before, {**before, **because, "is_blocked": True})


def linked(before: State, body: Body) -> State:
    link = {"relation": body["relation"], "target": body["target"]}
    return before if link in before["links"] else {**before, "links": [*before["links"], link]}


def commented(before: State, body: Body) -> State:
    if before["last_comment_id"] == body["comment_id"]:
        return before
    count = before["comment_count"] + 1
    return {**before, "last_comment_id": body["comment_id"], "comment_count": count}


def triaged(before: State, body: Body) -> State:
    return {**before, "kind": body.get("kind") or before["kind"], "priority": body["priority"]}


def assigned(before: State, body: Body) -> State:
    return {**before, "assignee_id": body.get("assignee_id"), "team": body.get("team")}


def estimated(before: State, body: Body) -> State:
    return {**before, "estimate": body["estimate"], "unit": body["unit"]}


def unblocked(before: State, body: Body) -> State:
    return {**before, **UNBLOCKED}


STANDING = {"transition": transition, "cancel": cancel, "reopen": reopen, "block": block}
CHANGED = {
    "triage": triaged,
    "assign": assigned,
    "estimate": estimated,
    "unblock": unblocked,
    "link": linked,
    "comment": commented,
}

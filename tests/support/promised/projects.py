"""What was promised of projects: a charter first, phases in any order, holds between them, one end."""

from tests.support.promised.outcome import Became, Body, Elsewhere, Refused, State, created, unless_same

DEFAULT_WORKFLOW = [
    {"name": "To do", "category": "todo"},
    {"name": "In progress", "category": "active"},
    {"name": "Waiting", "category": "waiting"},
    {"name": "Done", "category": "done"},
    {"name": "Cancelled", "category": "cancelled"},
]
REFUSALS = {
    "closed": "project_already_closed",
    "cancelled": "project_already_cancelled",
    "on_hold": "project_already_on_hold",
}
# Each verb with the states in which it is refused, and the state in which it has nothing left to do.
OVER = ("closed", "cancelled")
REFUSED_IN = {
    "approve-charter": (*OVER, "on_hold"),
    "enter-phase": (*OVER, "on_hold"),
    "adopt-methodology": OVER,
    "adopt-workflow": OVER,
    "put-on-hold": OVER,
    "resume": OVER,
    "close": ("cancelled",),
    "cancel": ("closed",),
}


def project(elsewhere: Elsewhere, before: State | None, verb: str, body: Body) -> Became:
    if verb == "propose":
        return created(before, proposed(body), "project_already_proposed")
    assert before is not None
    if before["state"] in REFUSED_IN[verb]:
        raise Refused(REFUSALS[before["state"]])
    return unless_same(before, AFTER[verb](before, body))


def proposed(body: Body) -> State:
    nothing_yet = dict.fromkeys(
        ("state_before_hold", "purpose", "starts_on", "finishes_on", "methodology", "outcome")
    )
    named = {"name": body["name"], "summary": body.get("summary", ""), "state": "proposed"}
    return {**nothing_yet, **named, "objectives": [], "workflow": DEFAULT_WORKFLOW}


def chartered(before: State, body: Body) -> State:
    charter = {
        "purpose": body["purpose"],
        "objectives": body.get("objectives", []),
        "starts_on": body.get("starts_on"),
        "finishes_on": body.get("finishes_on"),
    }
    state = "chartered" if before["state"] == "proposed" else before["state"]
    return {**before, **charter, "state": state}


def in_phase(before: State, body: Body) -> State:
    if before["state"] == "proposed":
        raise Refused("project_not_chartered")
    return {**before, "state": body["phase"]}


def on_hold(before: State, body: Body) -> State:
    if before["state"] == "on_hold":
        return before
    return {**before, "state": "on_hold", "state_before_hold": before["state"]}


def resumed(before: State, body: Body) -> State:
    if before["state"] != "on_hold":
        return before
    return {**before, "state": before["state_before_hold"], "state_before_hold": None}


def closed(before: State, body: Body) -> State:
    if before["state"] == "closed":
        return before
    return {**before, "state": "closed", "state_before_hold": None, "outcome": body.get("outcome", "")}


def cancelled(before: State, body: Body) -> State:
    return {**before, "state": "cancelled", "state_before_hold": None}


def led_by(before: State, body: Body) -> State:
    return {**before, "methodology": body["methodology"]}


def working_by(before: State, body: Body) -> State:
    return {**before, "workflow": list(body["states"])}


AFTER = {
    "approve-charter": chartered,
    "enter-phase": in_phase,
    "adopt-methodology": led_by,
    "adopt-workflow": working_by,
    "put-on-hold": on_hold,
    "resume": resumed,
    "close": closed,
    "cancel": cancelled,
}

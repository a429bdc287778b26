"""What was promised of milestones: a promise that is kept or moved, in the open, until it is achieved or cancelled."""

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

ACHIEVED, CANCELLED = "milestone_already_achieved", "milestone_already_cancelled"


def milestone(elsewhere: Elsewhere, before: State | None, verb: str, body: Body) -> Became:
    open_project(elsewhere, body["project_id"] if before is None or verb == "plan" else before["project_id"])
    if verb == "plan":
        return created(before, planned(body), "milestone_already_planned")
    assert before is not None
    if verb == "reforecast":
        require_open(before)
        all_exist(elsewhere, *(cause.get("stream") for cause in body.get("caused_by", [])))
        return expected(before, body["forecast_on"])
    return RULES[verb](before, body)


def planned(body: Body) -> State:
    target_on = body.get("target_on")
    return {
        "project_id": body["project_id"],
        "name": body["name"],
        "description": body.get("description", ""),
        "state": "planned",
        "target_on": target_on,
        "baseline_on": None,
        "forecast_on": target_on,
        "achieved_on": None,
        "baseline_count": 0,
        "reforecast_count": 0,
    }


def require_open(before: State) -> None:
    if before["state"] in ("achieved", "cancelled"):
        raise Refused(ACHIEVED if before["state"] == "achieved" else CANCELLED)


def expected(before: State, forecast_on: str, events: int = 0) -> Became:
    """With the forecast moved, after `events` others; a first forecast is no reforecast."""
    if before["forecast_on"] == forecast_on:
        return Became(before, events)
    moves = before["reforecast_count"] + (before["forecast_on"] is not None)
    return Became({**before, "forecast_on": forecast_on, "reforecast_count": moves}, events + 1)


def commit(before: State, body: Body) -> Became:
    require_open(before)
    baseline_on = body.get("baseline_on") or before["forecast_on"]
    if baseline_on is None:
        raise Refused("forecast_missing")
    if before["baseline_on"] is not None:
        if before["baseline_on"] != baseline_on:
            raise Refused("milestone_already_committed")
        return Became(before, 0)
    promised = {**before, "state": "committed", "baseline_on": baseline_on, "baseline_count": 1}
    return expected(promised, before["forecast_on"] or baseline_on, events=1)


def rebaseline(before: State, body: Body) -> Became:
    require_open(before)
    if before["baseline_on"] is None:
        raise Refused("milestone_not_committed")
    if before["baseline_on"] == body["baseline_on"]:
        return Became(before, 0)
    count = before["baseline_count"] + 1
    promised = {**before, "baseline_on": body["baseline_on"], "baseline_count": count}
    return expected(promised, body.get("forecast_on") or body["baseline_on"], events=1)


def achieve(before: State, body: Body) -> Became:
    if before["achieved_on"] == body["achieved_on"]:
        return Became(before, 0)
    require_open(before)
    return Became({**before, "state": "achieved", "achieved_on": body["achieved_on"]}, 1)


def require_achieved(before: State) -> None:
    if before["state"] != "achieved":
        raise Refused("milestone_not_achieved")


def correct(before: State, body: Body) -> Became:
    require_achieved(before)
    return unless_same(before, {**before, "achieved_on": body["achieved_on"]})


def withdraw(before: State, body: Body) -> Became:
    require_achieved(before)
    return Became({**before, "state": open_state(before), "achieved_on": None}, 1)


def cancel(before: State, body: Body) -> Became:
    if before["state"] == "achieved":
        raise Refused(ACHIEVED)
    return unless_same(before, {**before, "state": "cancelled"})


def reinstate(before: State, body: Body) -> Became:
    if before["state"] != "cancelled":
        return Became(before, 0)
    return Became({**before, "state": open_state(before)}, 1)


def open_state(before: State) -> str:
    return "planned" if before["baseline_on"] is None else "committed"


RULES = {
    "commit": commit,
    "rebaseline": rebaseline,
    "achieve": achieve,
    "correct-achievement": correct,
    "withdraw-achievement": withdraw,
    "cancel": cancel,
    "reinstate": reinstate,
}

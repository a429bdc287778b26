"""How a milestone stands after each of its events, read from plain JSON."""

from typing import Any

from services.projects.verifying.folding.state import Change, Row, State, unread


def fold(state: State, event: Row) -> Change:
    data = event["data"]
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
            state["baseline_on"] = data["baseline_on"]
            detail = {"change": data["change"]}
        case "milestone.reforecast":
            state["reforecast_count"] += state["forecast_on"] is not None
            state["forecast_on"] = data["forecast_on"]
            detail = _causes(data)
        case _:
            return _ended(state, event)
    return Change(state, note, detail)


def _ended(state: State, event: Row) -> Change:
    """Its outcome: achieved or cancelled, and what takes that back."""
    data = event["data"]
    match event["type"]:
        case "milestone.achieved":
            state |= {"state": "achieved", "achieved_on": data["achieved_on"]}
            return Change(state, data.get("note"))
        case "milestone.achievement_corrected":
            state["achieved_on"] = data["achieved_on"]
        case "milestone.achievement_withdrawn":
            state |= {"state": data["state"], "achieved_on": None}
        case "milestone.cancelled":
            state["state"] = "cancelled"
        case "milestone.reinstated":
            state["state"] = data["state"]
        case _:
            raise unread(event)
    return Change(state, data.get("reason"))


def _causes(data: Row) -> Any:
    causes = [
        {"cause_class": cause["cause_class"], "stream": cause.get("stream"), "note": cause.get("note", "")}
        for cause in data.get("caused_by", ())
    ]
    return {"caused_by": causes} if causes else None

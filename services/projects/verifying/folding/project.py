"""How a project stands after each of its events, read from plain JSON."""

from services.projects.verifying.folding.state import Change, Row, State, unread

ENDINGS = {"project.put_on_hold": "on_hold", "project.closed": "closed", "project.cancelled": "cancelled"}


def fold(state: State, event: Row) -> Change:
    data = event["data"]
    note = data.get("reason")
    detail = None
    match event["type"]:
        case "project.proposed":
            absent = dict.fromkeys(("methodology", "starts_on", "finishes_on", "workflow"))
            state |= {"project_id": data["project_id"], "name": data["name"], "state": "proposed", **absent}
            note = data.get("summary")
        case "charter.approved":
            state |= {"starts_on": data.get("starts_on"), "finishes_on": data.get("finishes_on")}
            state["state"] = "chartered" if state["state"] == "proposed" else state["state"]
            note = data["purpose"]
            detail = {"objectives": data["objectives"]} if data.get("objectives") else None
        case "methodology.adopted":
            state["methodology"] = data["methodology"]
        case "workflow.adopted":
            state["workflow"] = data["states"]
        case "phase.entered":
            state["state"] = data["phase"]
        case "project.put_on_hold" | "project.closed" | "project.cancelled":
            state["state"] = ENDINGS[event["type"]]
            note = data.get("reason") or data.get("outcome")
        case "project.resumed":
            state["state"] = data["state"]
        case _:
            raise unread(event)
    return Change(state, note, detail)

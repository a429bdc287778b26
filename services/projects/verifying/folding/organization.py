"""How an organization stands after each of its events, read from plain JSON."""

from services.projects.verifying.folding.state import Change, Row, State, unread


def fold(state: State, event: Row) -> Change:
    data = event["data"]
    match event["type"]:
        case "organization.founded":
            state |= {"requires_if_match": False, "is_offboarded": False}
        case "organization.policy_adopted":
            state["requires_if_match"] = data["requires_if_match"]
        case "organization.offboarded":
            state["is_offboarded"] = True
        case _:
            raise unread(event)
    return Change(state)

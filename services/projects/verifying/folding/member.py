"""How a member stands after each of their events, read from plain JSON; the first of them joins."""

from services.projects.verifying.folding.state import Change, Row, State, unread


def fold(state: State, event: Row) -> Change:
    data = event["data"]
    project_id = data.get("project_id")
    match event["type"]:
        case "member.joined":
            state = {"member_id": event["stream"][-36:], "project_roles": {}} | state
            state |= {"role": data["role"], "joined_at": event["effective_at"]}
        case "member.role_granted":
            state["role"] = data["role"]
        case "member.left":
            state |= {"role": None, "project_roles": {}}
        case "project_member.joined" | "project_member.role_granted":
            state["project_roles"] = {**state["project_roles"], project_id: data["role"]}
        case "project_member.left":
            others = {each: role for each, role in state["project_roles"].items() if each != project_id}
            state["project_roles"] = others
        case "person.erased":
            pass
        case _:
            raise unread(event)
    return Change(state, data.get("reason"), None if project_id is None else {"project_id": project_id})

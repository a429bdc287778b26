"""The part of the independent reading of the log that is about members and API keys."""

from datetime import UTC, datetime

from tests.support.reference_state import Folded, LogContradicted, Row, State, begun, held


def organization(before: State | None, event: Row) -> Folded:
    """Organizations have no read model of their own; their log is held against itself."""
    return begun(event, before, "organization.founded"), None, None


def member(before: State | None, event: Row) -> Folded:
    data = event["data"]
    if before is None and event["type"] != "member.joined":
        raise LogContradicted(f"{event['stream']} begins with {event['type']}")
    state = dict(before or {"member_id": event["stream"][-36:], "role": None, "project_roles": {}})
    roles, project_id = dict(state["project_roles"]), data.get("project_id")
    match event["type"]:
        case "member.joined":
            if state["role"] is not None:
                raise LogContradicted(f"position {event['position']}: a member joins again")
            state |= {"role": data["role"], "joined_at": event["effective_at"]}
        case "member.role_granted":
            held(event, state, "role")
            state["role"] = data["role"]
        case "member.left":
            held(event, state, "role")
            state["role"], roles = None, {}
        case "project_member.joined":
            roles[project_id] = data["role"]
        case "project_member.role_granted":
            held(event, {"role": roles.get(project_id)}, "role")
            roles[project_id] = data["role"]
        case "project_member.left":
            held(event, {"role": roles.pop(project_id, None)}, "role")
        case "person.erased":
            pass
        case other:
            raise LogContradicted(f"{event['stream']} has a {other}")
    state["project_roles"] = roles
    return state, data.get("reason"), None if project_id is None else {"project_id": project_id}


def api_key(before: State | None, event: Row) -> Folded:
    data = event["data"]
    state = begun(event, before, "api_key.issued")
    match event["type"]:
        case "api_key.issued":
            state |= {"api_key_id": event["stream"][-36:], "name": data["name"], "scopes": data["scopes"]}
            state |= {"project_ids": data.get("project_ids"), "expires_at": _instant(data.get("expires_at"))}
            state |= {"issued_at": event["effective_at"], "issued_by": event["actor"]}
            state |= {"former_valid_until": None, "is_revoked": False}
        case "api_key.rotated":
            state["former_valid_until"] = _instant(data.get("former_valid_until"))
            state["expires_at"] = _instant(data.get("expires_at"))
        case "api_key.revoked":
            state["is_revoked"] = True
        case other:
            raise LogContradicted(f"{event['stream']} has a {other}")
    return state, data.get("reason"), None


def _instant(text: str | None) -> str | None:
    """As `to_jsonb` writes an instant."""
    if text is None:
        return None
    whole, point, fraction = datetime.fromisoformat(text).astimezone(UTC).isoformat()[:-6].partition(".")
    shown = fraction.rstrip("0")
    return f"{whole}{point if shown else ''}{shown}+00:00"

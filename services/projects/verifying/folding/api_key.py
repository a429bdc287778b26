"""How an API key stands after each of its events, read from plain JSON. Hashes of secrets are no part of it."""

from services.projects.verifying.folding.state import Change, Row, State, instant_in_json, unread


def fold(state: State, event: Row) -> Change:
    data = event["data"]
    match event["type"]:
        case "api_key.issued":
            state |= {"api_key_id": event["stream"][-36:], "name": data["name"], "scopes": data["scopes"]}
            state |= {
                "project_ids": data.get("project_ids"),
                "expires_at": instant_in_json(data.get("expires_at")),
            }
            state |= {"issued_at": event["effective_at"], "issued_by": event["actor"]}
            state |= {"former_valid_until": None, "is_revoked": False}
        case "api_key.rotated":
            state["former_valid_until"] = instant_in_json(data.get("former_valid_until"))
            state["expires_at"] = instant_in_json(data.get("expires_at"))
        case "api_key.revoked":
            state["is_revoked"] = True
        case _:
            raise unread(event)
    return Change(state, data.get("reason"))

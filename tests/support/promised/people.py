"""What was promised of members and API keys: one role here, one in each project, and keys that can be taken back."""

from tests.support.promised.outcome import Became, Body, Elsewhere, Refused, State, open_project

NOBODY: State = {"role": None, "project_roles": {}, "is_erased": False}
SCOPES = ("read", "comment", "contribute", "manage")


def member(elsewhere: Elsewhere, before: State | None, verb: str, body: Body) -> Became:
    if verb == "join":
        return join(before or NOBODY, body)
    assert before is not None
    if verb == "join-project":
        open_project(elsewhere, body["project_id"])
    if verb in ("join-project", "grant-role") and before["role"] is None:
        raise Refused("member_unknown")
    match verb:
        case "join-project":
            return joined_project(before, body["project_id"], body["role"])
        case "leave-project":
            left = {key: role for key, role in before["project_roles"].items() if key != body["project_id"]}
            return with_project_roles(before, left)
        case "grant-role":
            return grant_role(elsewhere, before, body)
        case "leave":
            return leave(elsewhere, before)
    return erase(elsewhere, before)


def join(before: State, body: Body) -> Became:
    if before["is_erased"]:
        raise Refused("member_is_erased")
    if before["role"] not in (None, body["role"]):
        raise Refused("member_already_joined")
    return Became({**before, "role": body["role"]}, int(before["role"] is None))


def joined_project(before: State, project_id: str, role: str) -> Became:
    return with_project_roles(before, {**before["project_roles"], project_id: role})


def with_project_roles(before: State, roles: dict[str, str]) -> Became:
    return Became({**before, "project_roles": roles}, int(roles != before["project_roles"]))


def grant_role(elsewhere: Elsewhere, before: State, body: Body) -> Became:
    if before["role"] == body["role"]:
        return Became(before, 0)
    require_another(elsewhere, before)
    return Became({**before, "role": body["role"]}, 1)


def leave(elsewhere: Elsewhere, before: State) -> Became:
    """One event for each project that is left, and one for the organization."""
    if before["role"] is None:
        return Became(before, 0)
    require_another(elsewhere, before)
    return Became({**before, "role": None, "project_roles": {}}, len(before["project_roles"]) + 1)


def erase(elsewhere: Elsewhere, before: State) -> Became:
    if before["is_erased"]:
        return Became(before, 0)
    left = leave(elsewhere, before)
    return Became({**left.state, "is_erased": True}, left.events + 1)


def require_another(elsewhere: Elsewhere, before: State) -> None:
    if before["role"] == "owner" and elsewhere.actor == elsewhere.about:
        raise Refused("owners_unmake_not_themselves")


def api_key(elsewhere: Elsewhere, before: State | None, verb: str, body: Body) -> Became:
    if verb == "issue":
        return issue(elsewhere, before, body)
    assert before is not None
    if verb == "revoke":
        return Became({**before, "is_revoked": True}, int(not before["is_revoked"]))
    if before["is_revoked"]:
        raise Refused("api_key_already_revoked")
    ends = body.get("expires_at") or before["expires_at"]
    return Became({**before, "former_valid_until": body.get("former_valid_until"), "expires_at": ends}, 1)


def issue(elsewhere: Elsewhere, before: State | None, body: Body) -> Became:
    if before is not None:
        raise Refused("api_key_already_issued")
    project_ids = body.get("project_ids")
    if any(elsewhere.project(project_id) is None for project_id in project_ids or []):
        raise Refused("project_unknown")
    issued = {
        "name": body["name"],
        "scopes": [scope for scope in SCOPES if scope in body["scopes"]],
        "project_ids": project_ids,
        "expires_at": body.get("expires_at"),
        "is_revoked": False,
        "former_valid_until": None,
    }
    return Became(issued, 1)

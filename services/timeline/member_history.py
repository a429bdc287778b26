"""Who belonged to an organization and to its projects, in which roles: one row per change, with the state after it."""

import json
from datetime import datetime
from typing import NamedTuple, TypeAlias, assert_never, cast
from uuid import UUID

from libs.events.access import (
    MemberJoined,
    MemberLeft,
    MemberRoleGranted,
    PersonErased,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
)
from libs.events.envelope import Event
from services.timeline.as_of import AsOf
from services.timeline.entity_history import EntityHistory, Explanation, Fields

MemberEvent: TypeAlias = (
    MemberJoined
    | MemberRoleGranted
    | MemberLeft
    | ProjectMemberJoined
    | ProjectMemberRoleGranted
    | ProjectMemberLeft
    | PersonErased
)


# --- Rows ---


class Member(NamedTuple):
    """A member after one of their changes, known from position `known_from` on."""

    org_id: UUID
    member_id: UUID
    known_from: int
    version: int
    recorded_at: datetime
    effective_at: datetime
    role: str | None
    """In the organization; none once the person has left it."""
    joined_at: datetime
    project_roles: str = "{}"
    """Roles by project as JSON, `{"<project id>": "<role>", …}`."""


def member_history() -> EntityHistory[Member]:
    return EntityHistory(
        "member_history",
        1,
        aggregate="member",
        row_type=Member,
        created_by=MemberJoined,
        created=joined,
        changed=changed,
        explain=explain,
    )


# --- Project ---


def joined(event: Event) -> Fields:
    data = cast("MemberJoined", event.data)
    return {"role": data.role.value, "joined_at": event.envelope.effective_at}


def changed(before: Member, event: Event) -> Fields:
    data = cast("MemberEvent", event.data)
    match data:
        case MemberJoined():
            return joined(event)
        case MemberRoleGranted():
            return {"role": data.role.value}
        case MemberLeft():
            return {"role": None, "project_roles": "{}"}
        case ProjectMemberJoined() | ProjectMemberRoleGranted():
            return {"project_roles": _with_role(before, data.project_id, data.role.value)}
        case ProjectMemberLeft():
            return {"project_roles": _with_role(before, data.project_id, None)}
        case PersonErased():
            return {}
    assert_never(data)


def _with_role(before: Member, project_id: UUID, role: str | None) -> str:
    roles = {**json.loads(before.project_roles), str(project_id): role}
    return json.dumps({key: roles[key] for key in sorted(roles) if roles[key] is not None})


def explain(event: Event) -> Explanation:
    """The reason why somebody left, and which project a change is about."""
    data = cast("MemberEvent", event.data)
    match data:
        case MemberLeft():
            return Explanation(data.reason or None)
        case ProjectMemberLeft():
            return Explanation(data.reason or None, {"project_id": str(data.project_id)})
        case ProjectMemberJoined() | ProjectMemberRoleGranted():
            return Explanation(None, {"project_id": str(data.project_id)})
        case MemberJoined() | MemberRoleGranted() | PersonErased():
            return Explanation()
    assert_never(data)


# --- Ask ---

PRESENT = f"""
select {", ".join(Member._fields)} from members
where org_id = :org_id and known_from <= :position and role is not null
"""

THEN = """
select change.* from members entity
cross join lateral (
    select * from member_changes row
    where row.org_id = entity.org_id and row.member_id = entity.member_id and row.known_from <= :position
      and (:effective_at::timestamptz is null or row.effective_at <= :effective_at)
    order by row.known_from desc limit 1
) change
where entity.org_id = :org_id and change.role is not null
"""


def source(as_of: AsOf) -> str:
    """The members of the organization as of then, as a table."""
    return PRESENT if as_of.is_present else THEN


def source_in_project(as_of: AsOf) -> str:
    """The members of `:project_id` as of then, with their role in it, as a table."""
    return f"""
    select member.*, member.project_roles::jsonb ->> :project_id::text as project_role
    from ({source(as_of)}) as member
    where member.project_roles::jsonb ->> :project_id::text is not null
    """

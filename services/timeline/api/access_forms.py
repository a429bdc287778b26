"""Members and API keys as they are answered. No answer holds anything that opens a door."""

import json
from collections.abc import Callable
from typing import Literal
from uuid import UUID

from pydantic import Field

from libs.events.access import OrganizationRole, ProjectRole, Scope
from services.timeline.api.forms import Answer, Form, Instant
from services.timeline.asking import Row

CLOCKS = ("version", "known_from", "recorded_at", "effective_at")


class ProjectRoleForm(Form):
    project_id: UUID
    role: ProjectRole


class MemberForm(Form):
    """A member as of then, with their roles in the projects that the asker may see."""

    member_id: UUID = Field(description="The person's id: the `sub` of their tokens.")
    role: OrganizationRole = Field(description="In the organization.")
    joined_at: Instant
    project_roles: list[ProjectRoleForm]
    version: int
    known_from: int
    recorded_at: Instant
    effective_at: Instant

    @classmethod
    def of(cls, row: Row, sees: Callable[[UUID], bool]) -> "MemberForm":
        """`sees` tells which projects the asker may see."""
        roles = {UUID(key): role for key, role in json.loads(row["project_roles"]).items()}
        return cls(
            member_id=row["member_id"],
            role=row["role"],
            joined_at=row["joined_at"],
            project_roles=[
                ProjectRoleForm(project_id=project_id, role=role)
                for project_id, role in roles.items()
                if sees(project_id)
            ],
            **{name: row[name] for name in CLOCKS},
        )


class MemberList(Answer):
    items: list[MemberForm]
    next_cursor: str | None


class ProjectMemberForm(Form):
    """A member of a project as of then. Who administers or audits the organization is no member for that."""

    member_id: UUID = Field(description="The person's id: the `sub` of their tokens.")
    role: ProjectRole = Field(description="In the project.")
    organization_role: OrganizationRole
    version: int
    known_from: int
    recorded_at: Instant
    effective_at: Instant

    @classmethod
    def of(cls, row: Row) -> "ProjectMemberForm":
        return cls(
            member_id=row["member_id"],
            role=row["project_role"],
            organization_role=row["role"],
            **{name: row[name] for name in CLOCKS},
        )


class ProjectMemberList(Answer):
    items: list[ProjectMemberForm]
    next_cursor: str | None


class ApiKeyForm(Form):
    """An API key as of then, without its secret, which nobody can be told again."""

    api_key_id: UUID
    name: str
    scopes: list[Scope]
    project_ids: list[UUID] | None = Field(description="What it reaches; none: every project.")
    issued_at: Instant
    issued_by: UUID
    expires_at: Instant | None
    former_valid_until: Instant | None = Field(
        description="Until then the secret before the last rotation works too."
    )
    state: Literal["active", "revoked"] = Field(
        description="A key that expired is active, and opens nothing."
    )
    version: int
    known_from: int
    recorded_at: Instant
    effective_at: Instant

    @classmethod
    def of(cls, row: Row) -> "ApiKeyForm":
        plain = ("api_key_id", "name", "issued_at", "issued_by", "expires_at", "former_valid_until", *CLOCKS)
        return cls(
            **{name: row[name] for name in plain},
            scopes=json.loads(row["scopes"]),
            project_ids=None if row["project_ids"] is None else json.loads(row["project_ids"]),
            state="revoked" if row["is_revoked"] else "active",
        )


class ApiKeyList(Answer):
    items: list[ApiKeyForm]
    next_cursor: str | None

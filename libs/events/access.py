"""Who belongs to an organization and to its projects, in which role, and which keys act for it.

People are ids here and nothing else: what identifies a person lives in a profile that can be erased.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from libs.events.catalogue import published
from libs.events.envelope import EventData

# What decides who may do what; nothing else does.
AGGREGATES = frozenset({"organization", "member", "api_key"})


class OrganizationRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    AUDITOR = "auditor"


class ProjectRole(StrEnum):
    MANAGER = "manager"
    CONTRIBUTOR = "contributor"
    VIEWER = "viewer"
    STAKEHOLDER = "stakeholder"


class Scope(StrEnum):
    """What an API key may do in the projects it reaches."""

    READ = "read"
    COMMENT = "comment"
    CONTRIBUTE = "contribute"
    MANAGE = "manage"


@published("organization.founded")
class OrganizationFounded(EventData):
    """An organization began to use Milepost."""

    name: str = Field(description="What the organization is called.")


@published("organization.policy_adopted")
class OrganizationPolicyAdopted(EventData):
    """An organization decided how its resources may be changed."""

    requires_if_match: bool = Field(
        description="Whether a command on an existing resource must name the version it has seen."
    )


@published("organization.offboarded")
class OrganizationOffboarded(EventData):
    """An organization ended its use of Milepost: nobody reads or changes anything of it any more."""

    reason: str = Field(default="", description="Why, in the words of whoever decided it.")


@published("member.joined")
class MemberJoined(EventData):
    """A person became a member of the organization."""

    person_id: UUID = Field(description="The person, who is known by this id alone.")
    role: OrganizationRole = Field(description="The role in the organization from now on.")


@published("member.role_granted")
class MemberRoleGranted(EventData):
    """A member got another role in the organization."""

    person_id: UUID = Field(description="The person, who is known by this id alone.")
    role: OrganizationRole = Field(description="The role in the organization from now on.")
    role_before: OrganizationRole = Field(description="The role until now.")


@published("member.left")
class MemberLeft(EventData):
    """A person is no member of the organization any more, nor of any of its projects."""

    person_id: UUID = Field(description="The person, who is known by this id alone.")
    role_before: OrganizationRole = Field(description="The role until now.")
    reason: str = Field(default="", description="Why, in the words of whoever decided it.")


@published("project_member.joined")
class ProjectMemberJoined(EventData):
    """A member of the organization took a role in a project."""

    project_id: UUID = Field(description="The project in which the role counts.")
    person_id: UUID = Field(description="The person, who is known by this id alone.")
    role: ProjectRole = Field(description="The role in the project from now on.")


@published("project_member.role_granted")
class ProjectMemberRoleGranted(EventData):
    """A member of a project got another role in it."""

    project_id: UUID = Field(description="The project in which the role counts.")
    person_id: UUID = Field(description="The person, who is known by this id alone.")
    role: ProjectRole = Field(description="The role in the project from now on.")
    role_before: ProjectRole = Field(description="The role until now.")


@published("project_member.left")
class ProjectMemberLeft(EventData):
    """A person has no role in the project any more."""

    project_id: UUID = Field(description="The project in which the role counts.")
    person_id: UUID = Field(description="The person, who is known by this id alone.")
    role_before: ProjectRole = Field(description="The role until now.")
    reason: str = Field(default="", description="Why, in the words of whoever decided it.")


@published("api_key.issued")
class ApiKeyIssued(EventData):
    """A key for programs was issued; it acts as itself, never as a person."""

    name: str = Field(description="What the key is for, in the words of whoever issued it.")
    secret_hash: str = Field(description="SHA-256 of the secret's 256 random bits, in hexadecimal.")
    scopes: tuple[Scope, ...] = Field(description="What it may do in the projects it reaches.")
    project_ids: tuple[UUID, ...] | None = Field(
        default=None, description="The projects it reaches; none named means every one of the organization."
    )
    expires_at: datetime | None = Field(default=None, description="From then on it opens nothing.")


@published("api_key.rotated")
class ApiKeyRotated(EventData):
    """A key got a new secret."""

    secret_hash: str = Field(description="SHA-256 of the new secret, in hexadecimal.")
    former_valid_until: datetime | None = Field(
        default=None, description="Until then the former secret works too; without it, no longer."
    )
    expires_at: datetime | None = Field(default=None, description="From then on it opens nothing.")


@published("api_key.revoked")
class ApiKeyRevoked(EventData):
    """A key opens nothing any more."""

    reason: str = Field(default="", description="Why, in the words of whoever decided it.")


@published("person.erased")
class PersonErased(EventData):
    """What identified a person was destroyed for good; the id stays in history and leads to nobody."""

    person_id: UUID = Field(description="The person, who is known by this id alone.")

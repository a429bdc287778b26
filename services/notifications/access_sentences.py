"""What happened to members, roles and keys, as the second half of a sentence."""

from collections.abc import Callable, Mapping
from typing import Any

from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    MemberJoined,
    MemberLeft,
    MemberRoleGranted,
    OrganizationFounded,
    OrganizationOffboarded,
    OrganizationPolicyAdopted,
    PersonErased,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
)

Names = Mapping[str, str]


def _policy(data: OrganizationPolicyAdopted, names: Names) -> str:
    return f"{'demands' if data.requires_if_match else 'no longer demands'} that commands name the version they saw"


ACCESS_SENTENCES: Mapping[type[Any], Callable[[Any, Names], str]] = {
    OrganizationFounded: lambda data, names: "began to use Milepost",
    OrganizationPolicyAdopted: _policy,
    OrganizationOffboarded: lambda data, names: "ended its use of Milepost",
    MemberJoined: lambda data, names: f"joined the organization as {data.role}",
    MemberRoleGranted: lambda data, names: f"is {data.role} now, before that {data.role_before}",
    MemberLeft: lambda data, names: "left the organization",
    ProjectMemberJoined: lambda data, names: f"joined as {data.role}",
    ProjectMemberRoleGranted: lambda data, names: f"is {data.role} now, before that {data.role_before}",
    ProjectMemberLeft: lambda data, names: "left",
    ApiKeyIssued: lambda data, names: f"was issued to {', '.join(data.scopes)}",
    ApiKeyRotated: lambda data, names: "has a new secret",
    ApiKeyRevoked: lambda data, names: "was revoked",
    PersonErased: lambda data, names: "was erased",
}

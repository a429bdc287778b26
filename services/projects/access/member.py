"""A member of an organization: one person, their role in it, and their roles in its projects.

Everything a person may do is the state of this one aggregate. An owner is made and unmade by owners only, and
never by themselves, so that an organization always has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, assert_never
from uuid import UUID

from pydantic import Field

from libs.events.access import (
    MemberJoined,
    MemberLeft,
    MemberRoleGranted,
    OrganizationRole,
    PersonErased,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
    ProjectRole,
)
from services.projects.aggregate import Aggregate, Command, Rejection, Sentence, begun
from services.projects.facts import Facts
from services.projects.references import open_project

PROJECTS_MAX = 1_000

# --- Commands ---


class JoinOrganization(Command):
    """Makes a person a member; who has left may join again."""

    member_id: UUID = Field(description="The person's id: the `sub` of their tokens.")
    role: OrganizationRole

    def action_on(self, state: object) -> str | None:
        return "own" if self.role is OrganizationRole.OWNER else None


class GrantRole(Command):
    """Gives a member another role in the organization."""

    role: OrganizationRole

    def action_on(self, state: object) -> str | None:
        return "own" if OrganizationRole.OWNER in (self.role, role_of(state)) else None


class LeaveOrganization(Command):
    """Ends a membership, and with it the roles in all projects."""

    reason: Sentence = ""

    def action_on(self, state: object) -> str | None:
        return "own" if role_of(state) is OrganizationRole.OWNER else None


class JoinProject(Command):
    """Gives a member a role in a project, in place of the one they had."""

    action = "manage"

    project_id: UUID
    role: ProjectRole

    def projects_referred(self) -> tuple[UUID, ...]:
        return (self.project_id,)


class LeaveProject(Command):
    """Takes a member's role in a project away."""

    action = "manage"

    project_id: UUID
    reason: Sentence = ""


class ErasePerson(Command):
    """Destroys for good what identifies a person, and ends their membership; history keeps an id that leads nowhere."""

    is_importable = False

    def action_on(self, state: object) -> str | None:
        return "own" if role_of(state) is OrganizationRole.OWNER else None


MemberCommand = JoinOrganization | GrantRole | LeaveOrganization | JoinProject | LeaveProject | ErasePerson

# --- Rejections ---


class MemberUnknown(Rejection):
    """This person is no member of the organization."""


class MemberAlreadyJoined(Rejection):
    """The person is a member already, in another role; grant the role instead."""


class OwnersUnmakeNotThemselves(Rejection):
    """An owner stays one until another owner decides otherwise, so that there always is one."""


class TooManyProjects(Rejection):
    """A person may have roles in 1,000 projects; make them an administrator or an auditor instead."""


class MemberIsErased(Rejection):
    """What identified this person was destroyed; whoever comes back gets a new id."""


# --- State ---


@dataclass(frozen=True, slots=True)
class Member:
    """`role` is `None` once the person has left."""

    project_id: ClassVar[UUID | None] = None

    role: OrganizationRole | None = None
    project_roles: Mapping[UUID, ProjectRole] = field(default_factory=dict)
    is_erased: bool = False


def role_of(state: object) -> OrganizationRole | None:
    return state.role if isinstance(state, Member) else None


def present(member: Member | None) -> Member:
    """One who has not left."""
    if member is None or member.role is None:
        raise MemberUnknown
    return member


# --- Decide ---

MemberEvent = (
    MemberJoined
    | MemberRoleGranted
    | MemberLeft
    | ProjectMemberJoined
    | ProjectMemberRoleGranted
    | ProjectMemberLeft
    | PersonErased
)


def decide(member: Member | None, command: MemberCommand, facts: Facts) -> Sequence[MemberEvent]:
    match command:
        case JoinOrganization():
            return join(member, command)
        case GrantRole():
            return grant_role(present(member), command, facts)
        case LeaveOrganization():
            return leave(member, command, facts)
        case JoinProject():
            open_project(facts, command.project_id)
            return join_project(present(member), facts.entity_id, command.project_id, command.role)
        case LeaveProject():
            return leave_project(member or Member(), facts.entity_id, command.project_id, command.reason)
        case ErasePerson():
            return erase(member or Member(), facts)
    assert_never(command)


def join(member: Member | None, command: JoinOrganization) -> list[MemberEvent]:
    if member is not None and member.is_erased:
        raise MemberIsErased
    if member is None or member.role is None:
        return [MemberJoined(person_id=command.member_id, role=command.role)]
    if member.role is command.role:
        return []
    raise MemberAlreadyJoined


def grant_role(member: Member, command: GrantRole, facts: Facts) -> list[MemberEvent]:
    if member.role is None or member.role is command.role:
        return []
    unmake(member, facts)
    return [MemberRoleGranted(person_id=facts.entity_id, role=command.role, role_before=member.role)]


def leave(member: Member | None, command: LeaveOrganization, facts: Facts) -> list[MemberEvent]:
    if member is None or member.role is None:
        return []
    unmake(member, facts)
    ended = [
        event
        for project_id in member.project_roles
        for event in leave_project(member, facts.entity_id, project_id, command.reason)
    ]
    return [*ended, MemberLeft(person_id=facts.entity_id, role_before=member.role, reason=command.reason)]


def erase(member: Member, facts: Facts) -> list[MemberEvent]:
    if member.is_erased:
        return []
    left = leave(member, LeaveOrganization(), facts)
    return [*left, PersonErased(person_id=facts.entity_id)]


def unmake(member: Member, facts: Facts) -> None:
    if member.role is OrganizationRole.OWNER and facts.actor == facts.entity_id:
        raise OwnersUnmakeNotThemselves


def join_project(member: Member, person_id: UUID, project_id: UUID, role: ProjectRole) -> list[MemberEvent]:
    role_before = member.project_roles.get(project_id)
    if role_before is role:
        return []
    if role_before is not None:
        return [
            ProjectMemberRoleGranted(
                project_id=project_id, person_id=person_id, role=role, role_before=role_before
            )
        ]
    if len(member.project_roles) >= PROJECTS_MAX:
        raise TooManyProjects
    return [ProjectMemberJoined(project_id=project_id, person_id=person_id, role=role)]


def leave_project(member: Member, person_id: UUID, project_id: UUID, reason: str) -> list[MemberEvent]:
    role_before = member.project_roles.get(project_id)
    if role_before is None:
        return []
    return [
        ProjectMemberLeft(project_id=project_id, person_id=person_id, role_before=role_before, reason=reason)
    ]


# --- Evolve ---


def evolve(member: Member | None, event: MemberEvent) -> Member:
    if isinstance(event, MemberJoined):
        return replace(member or Member(), role=event.role)
    member = begun(member)
    match event:
        case MemberRoleGranted():
            return replace(member, role=event.role)
        case MemberLeft():
            return replace(member, role=None)
        case ProjectMemberJoined() | ProjectMemberRoleGranted():
            return replace(member, project_roles={**member.project_roles, event.project_id: event.role})
        case ProjectMemberLeft():
            left = {key: role for key, role in member.project_roles.items() if key != event.project_id}
            return replace(member, project_roles=left)
        case PersonErased():
            return replace(member, is_erased=True)
    assert_never(event)


AGGREGATE = Aggregate(
    name="member",
    plural="members",
    creating=("join", JoinOrganization),
    commands={
        "grant-role": GrantRole,
        "leave": LeaveOrganization,
        "join-project": JoinProject,
        "leave-project": LeaveProject,
        "erase": ErasePerson,
    },
    decide=decide,
    evolve=evolve,
    action="administer",
    state=Member,
)

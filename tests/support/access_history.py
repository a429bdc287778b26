"""Random histories of who belonged where: two organizations' founding, members, roles in projects, and API keys."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    MemberJoined,
    MemberLeft,
    MemberRoleGranted,
    OrganizationFounded,
    OrganizationPolicyAdopted,
    OrganizationRole,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
    ProjectRole,
    Scope,
)
from libs.events.envelope import EventData
from libs.events.portfolio import ProjectProposed
from tests.support.history import BEGINNING, ORG, History, an_id


@dataclass
class Standing:
    """How one person stands in one organization."""

    role: OrganizationRole | None = None
    project_roles: dict[UUID, ProjectRole] = field(default_factory=dict)


class AccessHistory(History):
    """Two projects, four people and three keys in the organization of the history, to whom anything may happen."""

    def __init__(self, seed: int, length: int, org_id: UUID = ORG) -> None:
        super().__init__(org_id)
        self._chance = random.Random(seed)
        self.project_ids = [an_id(f"project {number}") for number in range(2)]
        self.people = [an_id(f"person {number}") for number in range(4)]
        self.keys = [an_id(f"key {number}") for number in range(3)]
        self.standings = {person_id: Standing() for person_id in self.people}
        self.states: dict[UUID, str] = {}
        self.record("organization", self.org_id, OrganizationFounded(name="Python"))
        self.record("organization", self.org_id, OrganizationPolicyAdopted(requires_if_match=True))
        for project_id in self.project_ids:
            self.record("project", project_id, ProjectProposed(project_id=project_id, name="P"))
        while self.head < length:
            self._chance.choice((self._member_step, self._member_step, self._key_step))()

    def _member_step(self) -> None:
        person_id = self._chance.choice(self.people)
        for data in self._of_member(person_id, self.standings[person_id]):
            self.record("member", person_id, data)

    def _of_member(self, person_id: UUID, before: Standing) -> list[EventData]:
        role = self._chance.choice(list(OrganizationRole))
        if before.role is None:
            before.role = role
            return [MemberJoined(person_id=person_id, role=role)]
        match self._chance.randrange(6):
            case 0:
                ended: list[EventData] = [
                    ProjectMemberLeft(
                        project_id=project_id, person_id=person_id, role_before=each, reason="over"
                    )
                    for project_id, each in before.project_roles.items()
                ]
                left = MemberLeft(person_id=person_id, role_before=before.role, reason="moved on")
                self.standings[person_id] = Standing()
                return [*ended, left]
            case 1 if role is not before.role:
                granted = MemberRoleGranted(person_id=person_id, role=role, role_before=before.role)
                before.role = role
                return [granted]
        return self._in_project(person_id, before)

    def _in_project(self, person_id: UUID, standing: Standing) -> list[EventData]:
        project_id, role = self._chance.choice(self.project_ids), self._chance.choice(list(ProjectRole))
        named = {"project_id": project_id, "person_id": person_id}
        before = standing.project_roles.get(project_id)
        if before is None:
            standing.project_roles[project_id] = role
            return [ProjectMemberJoined(role=role, **named)]
        if before is role:
            del standing.project_roles[project_id]
            return [ProjectMemberLeft(role_before=before, **named)]
        standing.project_roles[project_id] = role
        return [ProjectMemberRoleGranted(role=role, role_before=before, **named)]

    def _key_step(self) -> None:
        key_id, number = self._chance.choice(self.keys), self.head
        state = self.states.get(key_id)
        if state == "revoked":
            return
        if state is None:
            self.states[key_id] = f"hash {number}"
            project_ids = self._chance.choice((None, (self.project_ids[0],)))
            self.record(
                "api_key",
                key_id,
                ApiKeyIssued(
                    name="Import", secret_hash=f"hash {number}", scopes=(Scope.READ,), project_ids=project_ids
                ),
            )
        elif self._chance.random() < 0.8:
            self.states[key_id] = f"hash {number}"
            until = self._chance.choice((None, BEGINNING + timedelta(days=number)))
            rotated = ApiKeyRotated(secret_hash=f"hash {number}", former_valid_until=until, expires_at=until)
            self.record("api_key", key_id, rotated)
        else:
            self.states[key_id] = "revoked"
            self.record("api_key", key_id, ApiKeyRevoked(reason="leaked"))

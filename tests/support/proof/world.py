"""A world to put under load, made through the public API: organizations, their people, projects and what is in them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from tests.support.proof.ledger import Asked, Entry, Fate
from tests.support.proof.sending import Sender

ORGANIZATIONS, PROJECTS, MILESTONES, ISSUES, PEOPLE, MEMBERS, API_KEYS = 2, 3, 4, 6, 3, 5, 400
STATES = ("To do", "In progress", "Waiting", "Done", "Cancelled")


def _ids(count: int) -> tuple[UUID, ...]:
    return tuple(uuid4() for _ in range(count))


@dataclass(frozen=True, slots=True)
class Organization:
    """`people` give commands; `members` join and leave, and `api_keys` are issued and revoked, by them."""

    org_id: UUID = field(default_factory=uuid4)
    people: tuple[UUID, ...] = field(default_factory=lambda: _ids(PEOPLE))
    members: tuple[UUID, ...] = field(default_factory=lambda: _ids(MEMBERS))
    api_keys: tuple[UUID, ...] = field(default_factory=lambda: _ids(API_KEYS))


@dataclass(frozen=True, slots=True)
class Place:
    """A project and what clients quarrel over in it."""

    organization: Organization
    project_id: UUID
    milestones: tuple[UUID, ...]
    issues: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class World:
    places: tuple[Place, ...]

    @property
    def organizations(self) -> tuple[Organization, ...]:
        return tuple(dict.fromkeys(place.organization for place in self.places))

    def neighbors(self, place: Place) -> tuple[Place, ...]:
        """The projects of the same organization."""
        return tuple(each for each in self.places if each.organization is place.organization)


def asked(
    organization: Organization,
    actor: UUID,
    stream: str,
    path: str,
    words: str | None,
    *,
    events: frozenset[int] = frozenset({1}),
    **body: Any,
) -> Asked:
    """A command that carries its key in the field `words`, where it has such a field."""
    key = f"key-{uuid4()}"
    wish: Mapping[str, Any] = body if words is None else {**body, words: key}
    return Asked(key, organization.org_id, actor, stream, path, wish, events)


async def made(sender: Sender, organizations: int = ORGANIZATIONS, projects: int = PROJECTS) -> World:
    """So many projects in each organization, with milestones and issues, all acknowledged."""
    places = await asyncio.gather(
        *(
            _place(sender, organization)
            for organization in (Organization() for _ in range(organizations))
            for _ in range(projects)
        )
    )
    return World(tuple(places))


async def _place(sender: Sender, organization: Organization) -> Place:
    project_id = uuid4()
    place = Place(
        organization,
        project_id,
        _ids(MILESTONES),
        _ids(ISSUES),
    )
    actor = organization.people[0]

    async def create(plural: str, stream: str, words: str, **body: Any) -> None:
        command = asked(organization, actor, stream, f"/v1/{plural}", words, **body)
        _acknowledged(await sender.settle(command))

    name = f"Project {project_id.hex[:6]}"
    await create("projects", f"project-{project_id}", "summary", project_id=str(project_id), name=name)
    inside: dict[str, Any] = {"project_id": str(project_id)}
    for number, each in enumerate(place.milestones):
        target = {"target_on": f"2026-0{number + 1}-15"} if number else {}
        named = {"milestone_id": str(each), "name": f"Milestone {number}", **target}
        await create("milestones", f"milestone-{each}", "description", **inside, **named)
    for number, each in enumerate(place.issues):
        named = {"issue_id": str(each), "title": f"Issue {number}"}
        await create("issues", f"issue-{each}", "description", **inside, **named)
    return place


def _acknowledged(entry: Entry) -> None:
    if entry.fate is not Fate.ACKNOWLEDGED:
        raise AssertionError(f"{entry.asked.path} was answered {entry.answers}")

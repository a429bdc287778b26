"""The directory of the other services says what the log says, a second later at most, and behind the wall."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from libs.access.table_directory import TableDirectory
from libs.chassis.sessions import Connection
from libs.events import parking
from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    MemberJoined,
    MemberLeft,
    OrganizationOffboarded,
    OrganizationRole,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectRole,
    Scope,
)
from libs.events.envelope import Event
from libs.events.portfolio import ProjectProposed
from tests.component.access.worlds import World, says_what_it_says, somebody
from tests.support.access_history import AccessHistory
from tests.support.history import ORG, an_id

OTHER = an_id("another organization")


class Particular:
    """Another handler of the service, which can not apply events of projects."""

    name = "particular"

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        if any(isinstance(event.data, ProjectProposed) for event in events):
            raise RuntimeError("this event can not be applied")

    def forget(self) -> None:
        """Nothing is remembered between batches."""


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_it_says_what_the_log_says(world: World, seed: int) -> None:
    history = AccessHistory(seed, 100)
    await world.tell(history)
    await says_what_it_says(world, history)


async def test_nobody_and_nothing_of_another_organization_is_in_it(world: World) -> None:
    history = AccessHistory(1, 100)
    await world.tell(history)
    for each in (*history.people, *history.keys):
        assert await world.directory.person(OTHER, each) is None
        assert await world.directory.api_key(OTHER, each) is None


async def test_an_answer_is_kept_for_a_second_and_not_longer(world: World) -> None:
    history = AccessHistory(1, 100)
    await world.tell(history)
    person_id = await somebody(world, history)
    history.record("member", person_id, MemberLeft(person_id=person_id, role_before=OrganizationRole.MEMBER))
    await world.tell(history)
    world.now -= 0.01
    assert await world.directory.person(ORG, person_id) is not None
    world.now += 0.02
    assert await world.directory.person(ORG, person_id) is None


async def test_a_revoked_key_and_an_offboarded_organization_open_nothing(world: World) -> None:
    history, key_id = AccessHistory(2, 100), an_id("another key")
    history.record("api_key", key_id, ApiKeyIssued(name="Import", secret_hash="00", scopes=(Scope.READ,)))
    await world.tell(history)
    assert await world.directory.api_key(ORG, key_id) is not None
    history.record("api_key", key_id, ApiKeyRevoked())
    await world.tell(history)
    assert await world.directory.api_key(ORG, key_id) is None
    person_id = await somebody(world, history)
    history.record("organization", ORG, OrganizationOffboarded())
    await world.tell(history)
    assert await world.directory.person(ORG, person_id) is None


async def test_who_left_and_joins_again_begins_without_roles_in_projects(world: World) -> None:
    history, person_id = AccessHistory(1, 20), an_id("somebody new")
    member = OrganizationRole.MEMBER
    for data in (
        MemberJoined(person_id=person_id, role=member),
        ProjectMemberJoined(project_id=history.project_ids[0], person_id=person_id, role=ProjectRole.MANAGER),
        MemberLeft(person_id=person_id, role_before=member),
        MemberJoined(person_id=person_id, role=member),
    ):
        history.record("member", person_id, data)
    await world.tell(history)
    grants = await world.directory.person(ORG, person_id)
    assert grants is not None
    assert grants.project_roles == {}


async def test_what_is_kept_in_memory_is_bounded_and_the_oldest_goes_first(world: World) -> None:
    directory = TableDirectory(world.organizations, lambda: 0.0, kept_max=3)
    person_id = an_id("somebody new")
    assert await directory.person(ORG, person_id) is None
    history = AccessHistory(1, 100)
    history.record("member", person_id, MemberJoined(person_id=person_id, role=OrganizationRole.MEMBER))
    await world.tell(history)
    for number in range(3):
        assert await directory.person(ORG, person_id) is None, "kept"
        await directory.person(ORG, UUID(int=number))
    assert await directory.person(ORG, person_id) is not None, "forgotten, and asked again"


async def test_a_handler_that_is_new_to_a_service_catches_up_from_the_first_event(world: World) -> None:
    history = AccessHistory(3, 100)
    await world.tell(history)
    async with world.database.transaction() as connection:
        await connection.execute("delete from checkpoints where name = 'access'")
        await connection.execute("delete from access_members")
    await world.tell(history)
    assert await somebody(world, history)


async def test_what_was_taken_does_not_wait_for_a_parked_project(world: World) -> None:
    world.others = [Particular()]
    history, person_id = AccessHistory(1, 20), an_id("somebody new")
    [parked, other] = history.project_ids
    for data in (
        MemberJoined(person_id=person_id, role=OrganizationRole.MEMBER),
        ProjectMemberJoined(project_id=parked, person_id=person_id, role=ProjectRole.MANAGER),
        ProjectMemberJoined(project_id=other, person_id=person_id, role=ProjectRole.VIEWER),
    ):
        history.record("member", person_id, data)
    await world.tell(history)
    before = await world.directory.person(ORG, person_id)
    left = ProjectMemberLeft(project_id=parked, person_id=person_id, role_before=ProjectRole.MANAGER)
    history.record("member", person_id, left)
    await world.tell(history)
    after = await world.directory.person(ORG, person_id)
    history.record("member", person_id, MemberLeft(person_id=person_id, role_before=OrganizationRole.MEMBER))
    await world.tell(history)

    async with world.database.connection() as connection:
        sequences = {each.sequence for each in await parking.list_parked(connection)}
    assert sequences == {f"project-{project_id}" for project_id in history.project_ids}
    assert (before and before.project_roles) == {parked: ProjectRole.MANAGER, other: ProjectRole.VIEWER}
    assert (after and after.project_roles) == {other: ProjectRole.VIEWER}
    assert await world.directory.person(ORG, person_id) is None


async def test_who_may_do_what_is_nobody_until_the_last_event_about_it_is_understood(world: World) -> None:
    history, key_id = AccessHistory(2, 100), an_id("another key")
    history.record("api_key", key_id, ApiKeyIssued(name="Import", secret_hash="00", scopes=(Scope.READ,)))
    await world.tell(history)
    person_id = await somebody(world, history)
    others = [each for each, standing in history.standings.items() if standing.role and each != person_id]
    history.record("member", person_id, MemberLeft(person_id=person_id, role_before=OrganizationRole.MEMBER))
    history.record("api_key", key_id, ApiKeyRevoked())
    of_person, of_key = (event.envelope for event in history.events[-2:])
    await world.tell_envelopes(
        [replace(of_person, type="member.suspended"), replace(of_key, type="api_key.suspended")]
    )

    assert await world.directory.person(ORG, person_id) is None
    assert await world.directory.api_key(ORG, key_id) is None
    for each in others:
        assert await world.directory.person(ORG, each) is not None
    await world.leave_out(of_person.stream)
    await world.leave_out(of_key.stream)
    assert await world.directory.person(ORG, person_id) is not None
    assert await world.directory.api_key(ORG, key_id) is not None


async def test_an_event_about_an_organization_that_is_not_understood_closes_it(world: World) -> None:
    history = AccessHistory(2, 100)
    await world.tell(history)
    person_id = await somebody(world, history)
    history.record("organization", ORG, OrganizationOffboarded())
    await world.tell_envelopes([replace(history.events[-1].envelope, schema_version=99)])

    assert await world.directory.person(ORG, person_id) is None
    assert [await world.directory.api_key(ORG, key_id) for key_id in history.keys] == [None] * 3

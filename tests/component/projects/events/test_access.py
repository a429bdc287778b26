"""What a stream shows follows what its reader may see, from the very event that changes it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from libs.access.api_keys import KeyText, hash_of, new_secret
from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    MemberJoined,
    MemberLeft,
    OrganizationFounded,
    OrganizationOffboarded,
    OrganizationRole,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectRole,
    Scope,
)
from services.projects import event_streaming
from tests.component.projects.events.conftest import Feed, Feeds
from tests.support.recordings import ORGANIZATION


async def organization(feeds: Feeds) -> Feed:
    """One whose members stand in the log, and tokens say nothing but who somebody is."""
    feed = await feeds(grants_in_tokens=False)
    await feed.record("organization", ORGANIZATION, OrganizationFounded(name="Apollo"))
    return feed


async def joins(feed: Feed, person_id: UUID, project_id: UUID | None = None) -> None:
    if project_id is None:
        await feed.record(
            "member", person_id, MemberJoined(person_id=person_id, role=OrganizationRole.MEMBER)
        )
    else:
        joined = ProjectMemberJoined(project_id=project_id, person_id=person_id, role=ProjectRole.VIEWER)
        await feed.record("member", person_id, joined, project_id=project_id)


async def leaves(feed: Feed, person_id: UUID, project_id: UUID) -> None:
    left = ProjectMemberLeft(project_id=project_id, person_id=person_id, role_before=ProjectRole.VIEWER)
    await feed.record("member", person_id, left, project_id=project_id)


def token(feed: Feed, actor: UUID) -> dict[str, str]:
    return feed.token(actor=actor, org_role=None)


async def test_who_joins_a_project_sees_it_from_then_on_and_who_leaves_gets_nothing_more(
    feeds: Feeds,
) -> None:
    feed = await organization(feeds)
    person, project_id = uuid4(), uuid4()
    await joins(feed, person)
    start = await feed.log.head()
    async with feed.listen(token(feed, person), type=["project.*"]) as stream:
        await stream.has_begun()
        await feed.propose(2, project_id)
        await joins(feed, person, project_id)
        await feed.propose(2, project_id)
        await stream.has_heard(2)
        await leaves(feed, person, project_id)
        for _ in range(20):
            await feed.propose(1, project_id)
        await feed.propose(1)
        # Once it is told what comes next, it would have been told of the project, too.
        await joins(feed, person, other := uuid4())
        await feed.propose(1, other)
        await stream.has_heard(3)

    joined = start + 3
    assert stream.positions[:2] == [joined + 1, joined + 2]
    assert [event["projectid"] for event in stream.events] == [str(project_id), str(project_id), str(other)]


async def test_whose_organization_is_offboarded_is_told_so_and_nothing_else(feeds: Feeds) -> None:
    feed = await organization(feeds)
    person = uuid4()
    await joins(feed, person)
    async with feed.listen(token(feed, person)) as stream:
        await stream.has_begun()
        await feed.record("organization", ORGANIZATION, OrganizationOffboarded(reason="over"))
        await joins(feed, uuid4())
        assert await stream.has_ended() == "access_changed"
    assert stream.positions == []


async def test_who_left_the_organization_is_told_so_and_nothing_else(feeds: Feeds) -> None:
    feed = await organization(feeds)
    person = uuid4()
    await joins(feed, person)
    async with feed.listen(token(feed, person)) as stream:
        await stream.has_begun()
        await feed.record("member", person, MemberLeft(person_id=person, role_before=OrganizationRole.MEMBER))
        await joins(feed, uuid4())
        assert await stream.has_ended() == "access_changed"
        assert stream.positions == []
    async with feed.client(token(feed, person)) as client:
        answer = await client.get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_member")


async def test_a_key_that_is_revoked_ends_its_streams(feeds: Feeds) -> None:
    feed = await organization(feeds)
    key = KeyText(ORGANIZATION, uuid4(), new_secret())
    issued = ApiKeyIssued(
        name="Exporter",
        secret_hash=hash_of(key.secret),
        scopes=(Scope.READ,),
        project_ids=None,
        expires_at=None,
    )
    await feed.record("api_key", key.api_key_id, issued)
    async with feed.listen({"Authorization": f"Bearer {key}"}) as stream:
        await stream.has_begun()
        project_id = await feed.propose(1)
        await stream.has_heard(1)
        await feed.record("api_key", key.api_key_id, ApiKeyRevoked(reason="lost"))
        await feed.propose(1, project_id)
        assert await stream.has_ended() == "access_changed"
    assert len(stream.positions) == 1


async def test_access_is_asked_again_without_anything_happening(
    feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streaming, "ASK_SECONDS", 0.1)
    feed = await organization(feeds)
    person = uuid4()
    await joins(feed, person)
    asked: list[datetime] = []
    person_of = feed.app.state.directory.person

    async def person_who_left(org_id: UUID, person_id: UUID) -> object:
        asked.append(datetime.now(UTC))
        return await person_of(org_id, person_id) if len(asked) < 3 else None

    feed.app.state.directory.person = person_who_left
    async with feed.listen(token(feed, person)) as stream:
        assert await stream.has_ended() == "access_changed"
    assert len(asked) == 3


async def test_a_stream_ends_when_nobody_can_say_for_long_what_its_reader_may_see(
    feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streaming, "ASK_SECONDS", 0.1)
    monkeypatch.setattr(event_streaming, "UNCONFIRMED_SECONDS_MAX", 0.5)
    feed = await organization(feeds)
    person = uuid4()
    await joins(feed, person)
    async with feed.listen(token(feed, person)) as stream:
        await stream.has_begun()

        async def unreachable(org_id: UUID, person_id: UUID) -> object:
            raise ConnectionRefusedError

        feed.app.state.directory.person = unreachable
        assert await stream.has_ended() == "access_unconfirmed"

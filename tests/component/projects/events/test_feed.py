"""The feed of events over HTTP: what it holds, how it advances, and how it waits."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.chassis import freshness
from libs.events.access import ApiKeyRevoked, OrganizationFounded
from libs.events.envelope import read_cloud_event
from libs.events.log import selecting
from tests.component.projects.events.conftest import Feed, Feeds
from tests.support.recordings import ORGANIZATION

OTHER_ORGANIZATION = UUID("00000000-0000-4000-8000-000000000002")


async def page(
    feed: Feed, path: str = "/v1/events", token: dict[str, str] | None = None
) -> dict[str, object]:
    async with feed.client(token) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    assert answer.headers["Milepost-Position"] == str(found["head"])
    return found


def positions(found: dict[str, object]) -> list[int]:
    items = found["items"]
    assert isinstance(items, list)
    return [item["position"] for item in items]


async def test_pages_hold_every_event_once_as_it_is_published_everywhere(feed: Feed) -> None:
    await feed.propose(5)

    first = await page(feed, "/v1/events?limit=3")
    second = await page(feed, "/v1/events?limit=3&after=3")

    assert (positions(first), first["next_after"], first["head"]) == ([1, 2, 3], 3, 5)
    assert (positions(second), second["next_after"], second["head"]) == ([4, 5], 5, 5)
    items = first["items"]
    assert isinstance(items, list)
    assert items[0]["specversion"] == "1.0"
    async with feed.client() as client:
        body = (await client.get("/v1/events?limit=1")).content
    assert body.startswith(b'{"items":[' + (await feed.log.read_bodies(0, 1))[0] + b"],")
    assert read_cloud_event((await feed.log.read_bodies(0, 1))[0]).position == 1


async def test_an_empty_log_has_nothing_and_its_head_is_zero(feed: Feed) -> None:
    assert await page(feed) == {"items": [], "next_after": 0, "head": 0}


async def test_the_next_page_has_an_address_with_the_same_filters(feed: Feed) -> None:
    project_id = await feed.propose(3)
    async with feed.client() as client:
        answer = await client.get(f"/v1/events?project_id={project_id}&limit=2")
    assert answer.headers["Link"] == f'</v1/events?project_id={project_id}&limit=2&after=2>; rel="next"'


async def test_filters_are_by_project_and_type_and_a_filtered_reader_advances_to_the_head(feed: Feed) -> None:
    one, other = await feed.propose(2), await feed.propose(2)
    await feed.record("organization", ORGANIZATION, OrganizationFounded(name="Apollo"))

    assert positions(await page(feed, f"/v1/events?project_id={other}")) == [3, 4]
    assert positions(await page(feed, f"/v1/events?project_id={one}&project_id={other}")) == [1, 2, 3, 4]
    assert positions(await page(feed, "/v1/events?type=organization.founded")) == [5]
    assert positions(await page(feed, "/v1/events?type=organization.*&type=project.proposed")) == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert await page(feed, f"/v1/events?project_id={uuid4()}") == {"items": [], "next_after": 5, "head": 5}


async def test_who_sees_little_of_much_advances_by_what_was_examined(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "EXAMINED_MAX", 4)
    await feed.propose(9)
    own = await feed.propose(1)
    token = feed.token(project_roles={own: "viewer"})

    assert await page(feed, "/v1/events", token) == {"items": [], "next_after": 4, "head": 10}
    reached, seen = 4, []
    for _ in range(2):
        found = await page(feed, f"/v1/events?after={reached}", token)
        seen += positions(found)
        reached = int(str(found["next_after"]))

    assert (seen, reached) == ([10], 10)


async def test_a_page_ends_before_it_gets_too_large_and_holds_one_event_at_least(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "PAGE_BYTES_MAX", 1_000)
    await feed.propose(5)

    first = await page(feed)
    reached, seen = int(str(first["next_after"])), positions(first)
    while reached < 5:
        found = await page(feed, f"/v1/events?after={reached}")
        assert positions(found)
        seen += positions(found)
        reached = int(str(found["next_after"]))

    assert len(positions(first)) < 5
    assert seen == [1, 2, 3, 4, 5]


async def test_another_organization_is_never_there(feed: Feed) -> None:
    own = await feed.propose(1)
    await feed.propose(3, org_id=OTHER_ORGANIZATION)
    token = feed.token(org_id=OTHER_ORGANIZATION)

    assert positions(await page(feed)) == [1]
    assert positions(await page(feed, token=token)) == [2, 3, 4]
    assert await page(feed, f"/v1/events?project_id={own}", token) == {
        "items": [],
        "next_after": 4,
        "head": 4,
    }


async def test_people_see_their_projects_and_what_their_role_shows_of_the_organization(feed: Feed) -> None:
    own = await feed.propose(1)
    await feed.propose(1)
    await feed.record("organization", ORGANIZATION, OrganizationFounded(name="Apollo"))
    await feed.record("api_key", uuid4(), ApiKeyRevoked(reason="lost"))

    async def sees(**grants: Any) -> list[int]:
        return positions(await page(feed, token=feed.token(**grants)))

    assert await sees(org_role="owner") == [1, 2, 3, 4]
    assert await sees(org_role="admin") == [1, 2, 3, 4]
    assert await sees(org_role="auditor") == [1, 2, 3, 4]
    assert await sees(org_role="member") == [3]
    assert await sees(org_role="member", project_roles={own: "viewer"}) == [1, 3]
    assert await sees(project_roles={own: "stakeholder"}) == [1]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("project_id=apollo", "project_id"),
        ("type=milestone", "type"),
        ("type=mile*", "type"),
        ("typ=milestone.planned", "typ"),
    ],
)
async def test_what_is_malformed_or_misspelt_is_refused_by_name(
    feed: Feed, query: str, parameter: str
) -> None:
    async with feed.client() as client:
        for path in ("/v1/events", "/v1/events/stream"):
            answer = await client.get(f"{path}?{query}")
            assert answer.status_code == 422, path
            assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


async def test_a_position_beyond_the_log_is_no_position_of_it(feed: Feed) -> None:
    await feed.propose(2)
    async with feed.client() as client:
        for answer in (
            await client.get("/v1/events?after=3"),
            await client.get("/v1/events/stream?after=3"),
            await client.get("/v1/events/stream", headers={"Last-Event-ID": "3"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (422, "position_unknown")


async def test_nobody_reads_without_a_token(feed: Feed) -> None:
    async with feed.client({"Authorization": "Bearer nonsense"}) as client:
        for path in ("/v1/events", "/v1/events/stream"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_head_says_the_same_without_a_body(feed: Feed) -> None:
    await feed.propose(2)
    async with feed.client() as client:
        answer = await client.head("/v1/events")
        assert (answer.status_code, answer.headers["Milepost-Position"]) == (200, "2")


async def test_who_waits_is_woken_by_what_they_want_and_by_nothing_else(
    feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long that whoever comes back in time was woken.
    monkeypatch.setattr(freshness, "WAIT_SECONDS_MAX", 60.0)
    feed = await feeds(request_deadline_seconds=100)
    wanted, unwanted = await feed.propose(1), await feed.propose(1)
    async with feed.client() as client, asyncio.timeout(30):

        async def wait_for(project_id: UUID) -> list[int]:
            path = f"/v1/events?after=2&project_id={project_id}"
            return positions((await client.get(path, headers={"Prefer": "wait=60"})).json())

        waiting, other = (asyncio.create_task(wait_for(project_id)) for project_id in (wanted, unwanted))
        await feed.propose(1, unwanted)
        assert await other == [3]
        assert not waiting.done()
        await feed.propose(1, wanted)
        assert await waiting == [4]


async def test_nobody_waits_while_the_process_stops(feed: Feed) -> None:
    feed.stopping.set()
    started = time.monotonic()
    async with feed.client() as client:
        answer = await client.get("/v1/events", headers={"Prefer": "wait=5"})
    assert answer.json()["items"] == []
    assert time.monotonic() - started < 4.5

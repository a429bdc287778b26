"""Subscriptions and the inbox over HTTP: one's own and nobody else's, each command once."""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from openapi_spec_validator import validate
from starlette.requests import Request

from libs.chassis.pagination import page_request
from tests.support.notifications.events import ISSUE, ORGANIZATION, OTHER_PROJECT, PROJECT
from tests.support.notifications.surface import PERSON, SOMEBODY_ELSE, VIEWING, Service, commented
from tests.support.notifications.world import World


async def test_the_document_is_valid(service: Service) -> None:
    validate(service.app.openapi())


async def test_one_subscribes_is_told_and_marks_it_read(
    world: World, service: Service, person: AsyncClient
) -> None:
    made = await person.post("/subscriptions", json={"project_id": str(PROJECT)})
    assert made.status_code == 201
    assert made.headers["etag"] == '"1"'
    assert made.headers["location"] == f"/v1/notifications/subscriptions/{made.json()['subscription_id']}"
    event_id = await commented(world, service)

    inbox = await person.get("/inbox", params={"min_position": 1})
    (item,) = inbox.json()["items"]
    assert inbox.headers["milepost-position"] == "1"
    assert item["event_id"] == event_id
    assert item["read_at"] is None
    assert item["links"] == {
        "resource": f"/v1/issues/{ISSUE}",
        "history": f"/v1/timeline/issues/{ISSUE}/history",
        "project": f"/v1/timeline/projects/{PROJECT}",
    }
    assert (await person.get("/inbox/unread-count")).json() == {
        "unread": 1,
        "is_capped": False,
        "position": 1,
    }

    marked = await person.post(f"/inbox/{event_id}/mark-read")
    assert marked.json() == {"marked": 1, "has_more": False}
    assert (await person.get("/inbox", params={"unread": "true"})).json()["items"] == []
    assert (await person.get(f"/inbox/{event_id}")).json()["read_at"] is not None
    assert (await person.post(f"/inbox/{event_id}/mark-read")).json()["marked"] == 0


async def test_many_items_are_marked_at_once_by_name_or_up_to_a_position(
    world: World, service: Service, person: AsyncClient
) -> None:
    await person.post("/subscriptions", json={"project_id": str(PROJECT)})
    ids = [await commented(world, service) for _ in range(5)]

    assert (await person.post("/inbox/mark-read", json={"event_ids": ids[:2]})).json()["marked"] == 2
    assert (await person.post("/inbox/mark-read", json={"up_to_position": 4})).json()["marked"] == 2
    assert [item["event_id"] for item in (await person.get("/inbox?unread=true")).json()["items"]] == ids[4:]
    assert (await person.post("/inbox/mark-read", json={})).status_code == 422


async def test_pages_of_the_inbox_follow_each_other(
    world: World, service: Service, person: AsyncClient
) -> None:
    await person.post("/subscriptions", json={"project_id": str(PROJECT)})
    ids = [await commented(world, service) for _ in range(5)]
    first = await person.get("/inbox", params={"limit": 3})
    rest = await person.get("/inbox", params={"limit": 3, "cursor": first.json()["next_cursor"]})

    found = [item["event_id"] for page in (first, rest) for item in page.json()["items"]]
    assert found == ids[::-1]
    assert rest.json()["next_cursor"] is None
    assert 'rel="next"' in first.headers["link"]
    changed = await person.get("/inbox", params={"unread": "true", "cursor": first.json()["next_cursor"]})
    assert (changed.status_code, changed.json()["code"]) == (422, "cursor_mismatch")
    since = await person.get("/inbox", params={"since_position": 3})
    assert [item["position"] for item in since.json()["items"]] == [4, 5]


async def test_a_question_about_what_is_not_told_yet_says_so(person: AsyncClient) -> None:
    answer = await person.get("/inbox", params={"min_position": 9})

    assert (answer.status_code, answer.json()["code"]) == (503, "projection_behind")


async def test_the_same_command_with_the_same_key_happens_once(person: AsyncClient) -> None:
    wish = {"project_id": str(PROJECT)}
    first = await person.post("/subscriptions", json=wish, headers={"Idempotency-Key": "one"})
    again = await person.post("/subscriptions", json=wish, headers={"Idempotency-Key": "one"})

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    assert len((await person.get("/subscriptions")).json()["items"]) == 1
    other = await person.post(
        "/subscriptions", json={**wish, "mute_own": False}, headers={"Idempotency-Key": "one"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refused_command_does_not_use_up_its_key(person: AsyncClient) -> None:
    key = {"Idempotency-Key": "one"}
    assert (await person.post("/subscriptions", json={}, headers=key)).status_code == 422
    assert (
        await person.post("/subscriptions", json={"project_id": str(PROJECT)}, headers=key)
    ).status_code == 201


async def test_a_stale_version_is_refused_and_a_weak_tag_counts(person: AsyncClient) -> None:
    made = (await person.post("/subscriptions", json={"project_id": str(PROJECT)})).json()
    path, wish = f"/subscriptions/{made['subscription_id']}", {"kinds": ["issue.*"]}

    revised = await person.post(f"{path}/revise", json=wish, headers={"If-Match": 'W/"1"'})
    assert (revised.status_code, revised.headers["etag"]) == (200, '"2"')
    stale = await person.post(f"{path}/revise", json=wish, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    assert (await person.get(path, headers={"If-None-Match": '"2"'})).status_code == 304
    assert (await person.post(f"{path}/end", headers={"If-Match": '"2"'})).status_code == 204
    assert (await person.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({}, 422, "nothing_named"),
        ({"kinds": ["milestone.exploded"]}, 422, "invalid_request"),
        ({"kinds": ["*"]}, 422, "invalid_request"),
        ({"stream": "milestone-1"}, 422, "invalid_request"),
        ({"kinds": ["issue.*"], "person_id": str(SOMEBODY_ELSE)}, 422, "invalid_request"),
        ({"kinds": ["issue.*"], "org_id": str(ORGANIZATION)}, 422, "invalid_request"),
        ({"project_id": str(OTHER_PROJECT)}, 404, "not_found"),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused(
    person: AsyncClient, wish: dict[str, Any], status: int, code: str
) -> None:
    answer = await person.post("/subscriptions", json=wish)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_nobody_sees_or_changes_somebody_elses_subscriptions_or_inbox(
    world: World, service: Service, person: AsyncClient
) -> None:
    made = (await person.post("/subscriptions", json={"project_id": str(PROJECT)})).json()
    event_id = await commented(world, service)
    paths = [f"/subscriptions/{made['subscription_id']}", f"/inbox/{event_id}"]
    commands = [
        f"/subscriptions/{made['subscription_id']}/revise",
        f"/subscriptions/{made['subscription_id']}/end",
        f"/inbox/{event_id}/mark-read",
    ]
    strangers = [
        service.client(SOMEBODY_ELSE, org_role="owner"),
        service.client(PERSON, org_id=UUID(int=2), org_role="owner"),
        service.client(PERSON, org_id=UUID(int=2), projects=VIEWING),
    ]
    for stranger in strangers:
        async with stranger as client:
            for path in paths:
                assert (await client.get(path)).status_code == 404
            for path in commands:
                assert (
                    await client.post(path, json={"kinds": ["issue.*"]} if "revise" in path else None)
                ).status_code == 404
            assert (await client.get("/inbox")).json()["items"] == []
            assert (await client.get("/subscriptions")).json()["items"] == []
    assert (await person.get("/inbox/unread-count")).json()["unread"] == 1


async def test_without_a_token_nothing_is_answered(service: Service) -> None:
    async with service.client(PERSON) as client:
        del client.headers["authorization"]
        for path in ("/inbox", "/subscriptions", "/webhooks", "/kinds"):
            assert (await client.get(path)).status_code == 401


async def test_a_misspelt_parameter_is_refused(person: AsyncClient) -> None:
    answer = await person.get("/inbox", params={"projekt_id": str(PROJECT)})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")


async def test_kinds_are_those_of_the_catalogue(person: AsyncClient) -> None:
    kinds = (await person.get("/kinds")).json()["kinds"]

    assert {"milestone.*", "milestone.reforecast", "issue.raised"} <= set(kinds)


async def test_a_cursor_somebody_wrote_is_refused_like_any_other_wrong_parameter(
    service: Service, owner: AsyncClient
) -> None:
    """Cursors are not signed; this writes some the way the service does."""
    for path in ("/inbox", "/subscriptions", "/webhooks"):
        for keys in (["x"], [], [1, 2], [None], [2**70], [-1], ["9" * 400], [True], [1.5], ["\u0661\u0000"]):
            scope = {
                "type": "http",
                "path": f"/v1/notifications{path}",
                "query_string": b"",
                "headers": [],
                "server": ("notifications.test", 80),
                "scheme": "http",
            }
            cursor = page_request(Request(scope), ORGANIZATION).next_cursor(keys)
            answer = await owner.get(path, params={"cursor": cursor})
            assert answer.status_code in (200, 422), (path, keys, answer.text)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"a":NaN}', b'{"kinds":{}}', b"\xff", b'{"kinds":[1]}']
)
async def test_no_body_is_an_error_of_the_service(owner: AsyncClient, body: bytes) -> None:
    nobody = UUID(int=1)
    commands = [
        "/subscriptions",
        f"/subscriptions/{nobody}/revise",
        f"/subscriptions/{nobody}/end",
        "/inbox/mark-read",
        f"/inbox/{nobody}/mark-read",
        "/webhooks",
        *(
            f"/webhooks/{nobody}/{verb}"
            for verb in ("revise", "rotate-secret", "pause", "retire", "resend", "test")
        ),
        f"/webhooks/{nobody}/deliveries/{nobody}/resend",
    ]
    for path in commands:
        answer = await owner.post(path, content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"

"""What is foreign does not exist (T1, T2): named by anybody of ours, in any operation, it answers like a random id."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.security.operations import Ids, Operation
from tests.security.organizations import Clients, Organization, Place
from tests.support.eventually import eventually

UUID_IN_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ATTEMPTS_MIN = 2_000
# What differs from answer to answer, whatever was asked for.
VARYING_HEADERS = frozenset(
    {"date", "milepost-position", "traceparent", "content-length", "server-timing", "age"}
)
VARYING_HEADERS |= {"ratelimit", "x-request-id", "location", "etag"}
VARYING_MEMBERS = frozenset({"trace_id", "instance", "position", "since_position", "secret", "key"})
VARYING_MEMBERS |= {"made_at", "revised_at", "registered_at"}
CONDITIONS: tuple[dict[str, str], ...] = ({}, {"Idempotency-Key": "?"})
SMUGGLED = {
    "org_id": "00000000-0000-0000-0000-000000000001",
    "actor": "00000000-0000-0000-0000-000000000001",
    "on_behalf_of": "00000000-0000-0000-0000-000000000001",
    "version": 7,
    "recorded_at": "2020-01-01T00:00:00Z",
    "position": 1,
    "org_role": "owner",
    "is_admin": True,
    "__proto__": {"role": "owner"},
}


def attempt(person: Clients, operation: Operation, ids: Ids, condition: dict[str, str]) -> httpx2.Response:
    request = operation.request(ids)
    wanted = {name: str(uuid4()) if value == "?" else value for name, value in condition.items()}
    request["headers"] = {**request.get("headers", {}), **wanted}
    return operation.sent_by(person[operation.service], request)


def seen(answer: httpx2.Response, ids: Ids) -> tuple[int, dict[str, str], Any]:
    """An answer without what varies, and with names in the place of the ids that were asked for."""

    def named(text: str) -> str:
        for name, value in ids.items():
            text = text.replace(value, name)
        return text

    headers = {name: named(value) for name, value in answer.headers.items() if name not in VARYING_HEADERS}
    text = named(answer.text)
    if "json" not in headers.get("content-type", ""):
        return answer.status_code, headers, text
    lines = text.splitlines() if "ndjson" in headers["content-type"] else [text]
    return answer.status_code, headers, [steady(json.loads(line)) for line in lines if line]


def steady(value: Any) -> Any:
    """JSON without the members that vary."""
    if isinstance(value, dict):
        return {name: steady(part) for name, part in value.items() if name not in VARYING_MEMBERS}
    return [steady(part) for part in value] if isinstance(value, list) else value


def made_up(place: Place) -> dict[str, str]:
    return {name: UUID_IN_TEXT.sub(str(uuid4()), value) for name, value in place.ids.items()}


def assert_like_nothing(
    person: Clients, operation: Operation, place: Place, condition: dict[str, str]
) -> None:
    random = made_up(place)
    foreign_answer = attempt(person, operation, place.ids, condition)
    random_answer = attempt(person, operation, random, condition)
    assert place.canary not in foreign_answer.text + str(foreign_answer.headers)
    assert foreign_answer.status_code < 500
    if foreign_answer.is_success and operation.names:
        raise AssertionError(f"{operation} was let in: {foreign_answer.text}")
    theirs, nobodys = seen(foreign_answer, place.ids), seen(random_answer, random)
    for body in (*theirs[2], *nobodys[2]):
        if operation.own_id is not None and isinstance(body, dict):
            body.pop(operation.own_id, None)
    assert theirs == nobodys, str(operation)


async def test_whatever_of_theirs_is_named_it_answers_like_what_does_not_exist(
    every_operation: list[Operation], ours: Organization, theirs: Organization
) -> None:
    before = await at_rest(every_operation, theirs)
    attempts = 0
    for operation in every_operation:
        for place in theirs.places.values():
            if not operation.says_ids(place.ids):
                continue
            for person in ours.people.values():
                for condition in CONDITIONS:
                    assert_like_nothing(person, operation, place, condition)
                    attempts += 1
    assert attempts >= ATTEMPTS_MIN
    assert everything(every_operation, theirs) == before


def everything(every_operation: list[Operation], owner_of: Organization) -> list[Any]:
    """All that an owner can read of their organization."""
    return [
        seen(attempt(owner_of.owner, operation, place.ids, {}), {})
        for place in owner_of.places.values()
        for operation in every_operation
        if operation.method == "get"
        and "/deliveries" not in operation.path
        and "/health" not in operation.path
    ]


async def at_rest(every_operation: list[Operation], owner_of: Organization) -> list[Any]:
    """The same once it stays the same: access logs are written a little later."""
    looks: list[Any] = [None]

    def stays() -> None:
        looks.append(everything(every_operation, owner_of))
        assert looks[-1] == looks[-2], "it still changes"

    await eventually(stays, 20, every=1)
    read: list[Any] = looks[-1]
    return read


@pytest.mark.parametrize("role", ["outsider", "viewer", "stakeholder", "contributor", "manager"])
def test_a_project_somebody_has_no_role_in_answers_like_what_does_not_exist(
    every_operation: list[Operation], ours: Organization, role: str
) -> None:
    for operation in every_operation:
        # Of the organization itself, and of oneself, everybody knows.
        known = {"organization_id", "member_id", "person_id", "api_key_id"}
        if operation.says_ids(ours.hidden.ids) and not known & set(operation.names):
            assert_like_nothing(ours.people[role], operation, ours.hidden, {})


def test_no_answer_to_ours_has_a_word_of_theirs(
    every_operation: list[Operation], ours: Organization, theirs: Organization
) -> None:
    # What ours have asked for themselves stands in the log of who asked for what.
    asked_for = {*theirs.shared.ids.values(), *theirs.hidden.ids.values()}
    words = ["canary-theirs", *({str(person_id) for person_id in theirs.person_ids.values()} - asked_for)]
    for operation in every_operation:
        if operation.method == "get":
            for person in ours.people.values():
                answer = attempt(person, operation, ours.shared.ids, {})
                assert not [word for word in words if word in answer.text + str(answer.headers)], str(
                    operation
                )


def test_a_cursor_of_theirs_opens_nothing(
    every_operation: list[Operation], ours: Organization, theirs: Organization
) -> None:
    lists = [operation for operation in every_operation if "cursor" in operation.queries]
    cursors = 0
    for operation in lists:
        request = operation.request({})
        theirs_first = theirs.owner[operation.service].request(**{**request, "params": {"limit": 1}})
        cursor = theirs_first.json().get("next_cursor") if theirs_first.is_success else None
        if cursor is not None:
            answer = ours.owner[operation.service].request(
                **{**request, "params": {"limit": 1, "cursor": cursor}}
            )
            assert "canary-theirs" not in answer.text
            assert answer.status_code in (200, 422), answer.text
            cursors += 1
    assert cursors >= 4


def test_no_body_can_say_who_where_or_when(every_operation: list[Operation], ours: Organization) -> None:
    for operation in every_operation:
        if not isinstance(operation.body(ours.shared.ids), dict):
            continue
        for name, value in SMUGGLED.items():
            request = operation.request(ours.shared.ids, **{name: value})
            answer = operation.sent_by(ours.owner[operation.service], request)
            assert answer.status_code == 422, f"{operation} took {name}: {answer.status_code} {answer.text}"
            assert name in answer.text

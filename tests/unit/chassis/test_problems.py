"""Whatever goes wrong, the answer is a problem that helps the client and tells a stranger nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from libs.chassis.settings import ServiceSettings
from tests.unit.chassis import things

STANDARD = {"type", "title", "status", "detail", "instance", "code", "trace_id"}


@pytest_asyncio.fixture
async def client(settings: ServiceSettings) -> AsyncIterator[httpx2.AsyncClient]:
    async with things.client(things.create(settings)) as client:
        yield client


def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert set(body) >= STANDARD
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert len(body["trace_id"]) == 32
    return body


async def test_a_refusal_carries_its_own_members_and_headers(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/things/refusing")
    body = problem(response, 409, "thing_gone")
    assert (body["detail"], body["since"], response.headers["x-why"]) == ("It is gone.", 3, "because")


async def test_a_path_that_does_not_exist(client: httpx2.AsyncClient) -> None:
    assert problem(await client.get("/v1/nothing"), 404, "not_found")["instance"] == "/v1/nothing"


async def test_a_method_that_does_not_exist(client: httpx2.AsyncClient) -> None:
    response = await client.delete("/v1/plain")
    problem(response, 405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_broken_json(client: httpx2.AsyncClient) -> None:
    for path in ("/v1/things/1/grow", "/v1/plain"):
        response = await client.post(path, content=b'{"na', headers={"content-type": "application/json"})
        problem(response, 400, "malformed_request")


async def test_another_media_type(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/plain", content=b"<a/>", headers={"content-type": "text/xml"})
    problem(response, 415, "unsupported_media_type")


async def test_every_fault_is_named_by_its_place_and_none_is_repeated(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/things/1/grow", json={"name": ["canary"], "wide": "canary"})
    errors = problem(response, 422, "invalid_request")["errors"]
    assert [error.get("pointer") or error["parameter"] for error in errors] == [
        "/name",
        "/size",
        "/wide",
    ]
    assert "canary" not in json.dumps(errors)


async def test_what_is_no_id_names_nothing(client: httpx2.AsyncClient) -> None:
    malformed = await client.post("/v1/things/canary/grow", json={"name": "a", "size": 1})
    problem(malformed, 404, "not_found")


async def test_what_a_validator_says_of_the_input_is_not_passed_on(client: httpx2.AsyncClient) -> None:
    for path in ("/v1/things/1/grow", "/v1/plain"):
        response = await client.post(path, json={"name": "bad canary", "size": 1})
        problem(response, 422, "invalid_request")
        assert "canary" not in response.text


async def test_a_model_the_service_reads_itself_is_named_the_same_way(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/plain", json={"name": 3, "size": 1})
    errors = problem(response, 422, "invalid_request")["errors"]
    expected = {"pointer": "/name", "code": "string_type", "detail": "Input should be a valid string"}
    assert errors == [expected]


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        ("mistake", 500, "internal_error"),
        ("syntax", 500, "internal_error"),
        ("unique", 409, "conflict"),
        ("serialization", 503, "unavailable"),
        ("deadlock", 503, "unavailable"),
        ("lock", 503, "overloaded"),
        ("statement", 503, "overloaded"),
        ("connections", 503, "overloaded"),
        ("pool", 503, "overloaded"),
        ("disk", 507, "storage_full"),
        ("shutdown", 503, "unavailable"),
        ("starting", 503, "unavailable"),
        ("standby", 503, "unavailable"),
        ("lost", 503, "unavailable"),
        ("refused", 503, "unavailable"),
        ("interface", 503, "unavailable"),
        ("nul", 422, "invalid_request"),
        ("surrogate", 422, "invalid_request"),
    ],
)
async def test_a_failure_is_told_without_what_the_driver_said(
    client: httpx2.AsyncClient, failure: str, status: int, code: str
) -> None:
    response = await client.get(f"/v1/things/failing/{failure}")
    problem(response, status, code)
    assert things.CANARY not in response.text
    assert ("retry-after" in response.headers) is (status in (503, 507))


async def test_every_code_has_its_page(client: httpx2.AsyncClient) -> None:
    index = (await client.get("/problems")).text
    for code in ("not_found", "projection_behind", "cursor_mismatch"):
        assert f'href="/problems/{code}"' in index
        assert f"<code>{code}</code>" in (await client.get(f"/problems/{code}")).text
    problem(await client.get("/problems/invented"), 404, "not_found")


async def test_an_unknown_query_parameter_is_refused_by_name(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/v1/things?limit=5&state=open&sort=-name")).status_code == 200
    body = problem(await client.get("/v1/things?limit=5&stat=open"), 422, "unknown_parameter")
    assert [error["parameter"] for error in body["errors"]] == ["stat"]


async def test_without_a_token_there_is_a_challenge(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/things/caller")
    problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="milepost"'

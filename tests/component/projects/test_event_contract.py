"""The contract of events as projects serves it: to anybody, and with the problems of every other route."""

import httpx2 as httpx
import pytest

from tests.component.projects.conftest import Clients

PATHS = ("/schemas/milestone.reforecast/1", "/schemas/envelope/1", "/asyncapi.json", "/asyncapi")


@pytest.fixture
def stranger(clients: Clients) -> httpx.AsyncClient:
    """Somebody without a token."""
    client = clients()
    del client.headers["Authorization"]
    return client


@pytest.mark.parametrize("path", PATHS)
async def test_a_stranger_reads_what_events_are(stranger: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = await stranger.request(method, path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"].startswith("public")
    unchanged = await stranger.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert unchanged.status_code == 304


async def test_a_recorded_event_says_where_its_schema_stands(owner: httpx.AsyncClient) -> None:
    await owner.post("/v1/projects", json={"name": "Apollo"})
    for event in (await owner.get("/v1/events")).json()["items"]:
        schema = await owner.get(event["dataschema"])
        assert schema.json()["title"] == event["type"]


@pytest.mark.parametrize("path", ["/schemas/milestone.reforecast/2", "/schemas/milestone.celebrated/1"])
async def test_a_schema_that_was_never_published_is_a_problem(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"

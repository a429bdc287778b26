"""The document says what the service does, and the page that shows it needs no network."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from fastapi import APIRouter
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate

from libs.chassis import application, openapi
from libs.chassis.settings import ServiceSettings
from tests.unit.chassis import things


@pytest_asyncio.fixture
async def client(settings: ServiceSettings) -> AsyncIterator[httpx2.AsyncClient]:
    async with things.client(things.create(settings)) as client:
        yield client


def test_the_document_is_valid_and_every_error_is_a_problem(settings: ServiceSettings) -> None:
    document = things.create(settings).openapi()
    validate(document)
    assert document["openapi"].startswith("3.1")
    schema = document["components"]["schemas"]["Problem"]
    for operation in openapi.operations(document):
        errors = [response for status, response in operation["responses"].items() if status >= "400"]
        assert errors
        for response in errors:
            content = response["content"]
            assert list(content) == ["application/problem+json"]
            for code in content["application/problem+json"]["examples"]:
                Draft202012Validator(schema).validate(document["components"]["examples"][code]["value"])


def test_operations_are_named_as_methods(settings: ServiceSettings) -> None:
    names = [each["operationId"] for each in openapi.operations(things.create(settings).openapi())]
    assert {"growThing", "listThings", "showCaller"} <= set(names)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names)


def test_two_operations_of_one_name_are_refused(settings: ServiceSettings) -> None:
    router = APIRouter()

    async def grow() -> None: ...

    router.add_api_route("/a", grow)
    router.add_api_route("/b", grow)
    with pytest.warns(UserWarning, match="Duplicate"), pytest.raises(ValueError, match="grow"):
        application.create("things", settings, routers=[router]).openapi()


def test_what_plain_routes_do_can_be_described(settings: ServiceSettings) -> None:
    app = things.create(settings)
    operation = {"operationId": "plain", "responses": {"200": {"description": "Done"}}}
    app.describe({"/v1/plain": {"get": operation}}, {"Plain": {"type": "object"}})
    document = app.openapi()
    validate(document)
    assert "503" in document["paths"]["/v1/plain"]["get"]["responses"]
    assert "Plain" in document["components"]["schemas"]


async def test_the_documentation_needs_no_network(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert re.findall(r"https?://", page) == []
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 3
    for asset in assets:
        response = await client.get(asset)
        assert response.status_code == 200
        assert len(response.content) > 1_000
    assert (await client.get("/docs/..%2Fconsts.py")).status_code == 404


async def test_health_is_in_no_document(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert [path for path in document["paths"] if not path.startswith("/v1/")] == []
    assert (await client.get("/livez")).text == "alive\n"
    assert (await client.get("/readyz")).json() == {"status": "ready"}

"""The API document: valid, and its examples are what the service would answer."""

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate

from tests.component.timeline.conftest import Timeline


async def test_the_document_is_valid_and_so_is_every_example(timeline: Timeline) -> None:
    document = timeline.app.openapi()
    validate(document)
    checked = 0
    for path, operations in document["paths"].items():
        content = operations["get"]["responses"]["200"]["content"]
        if "application/json" not in content:
            assert path.endswith(".svg")
            continue
        schema = content["application/json"]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(content["application/json"]["example"])
        checked += 1
    assert checked == 15


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/docs", "/openapi.json", "/problems/as_of_beyond_head"]
)
async def test_what_every_service_has_is_there(timeline: Timeline, path: str) -> None:
    async with timeline.client() as client:
        assert (await client.get(f"http://timeline{path}")).status_code == 200

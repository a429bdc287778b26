"""Every event version ever published can still be read, and its schema has at most grown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]
from pydantic_core import from_json

from libs.events import catalogue
from libs.events.catalogue import EventType, event_types
from libs.events.compatibility import breaking_changes
from libs.events.envelope import cloud_event, read_cloud_event
from libs.events.json_schema import ENVELOPE, ENVELOPE_VERSION
from libs.events.schema_files import Published, every_published
from tests.contract.publishing import SAMPLES, published_schema, todays_schemas

SAMPLE = pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
TYPES = pytest.mark.parametrize("event_type", event_types(), ids=lambda event_type: event_type.name)
SCHEMAS = pytest.mark.parametrize("which", every_published(), ids=lambda which: which.file_name)
TODAY = pytest.mark.parametrize(
    ("which", "schema"), tuple(todays_schemas()), ids=lambda each: getattr(each, "file_name", "")
)
PUBLISH = "run: python -m tests.contract.publishing"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
VERSIONS = {
    Published(event_type.name, version)
    for event_type in event_types()
    for version in range(1, event_type.version + 1)
}


def published(name: str, version: int) -> dict[str, Any]:
    schema = published_schema(Published(name, version))
    assert schema is not None, PUBLISH
    return schema


def validate(body: Any, schema: dict[str, Any]) -> None:
    """In both dialects, with formats."""
    for dialect, known in ((Draft202012Validator, schema), (Draft7Validator, {**schema, "$schema": DRAFT_7})):
        dialect(known, format_checker=dialect.FORMAT_CHECKER).validate(body)


def test_every_version_has_its_sample_and_its_schema() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {version.file_name for version in VERSIONS}
    assert set(every_published()) == VERSIONS | {Published(ENVELOPE, ENVELOPE_VERSION)}


@SAMPLE
def test_a_published_event_is_read_and_written_again_as_it_was(path: Path) -> None:
    body = path.read_bytes()
    envelope = read_cloud_event(body)
    assert Published(envelope.type, envelope.schema_version).file_name == path.name
    assert from_json(cloud_event(envelope)) == from_json(body)
    assert catalogue.type_of(catalogue.read(envelope).data).name == envelope.type


@SAMPLE
def test_a_published_event_fits_the_schemas_it_was_published_with(path: Path) -> None:
    event = from_json(path.read_bytes())
    validate(event, published(ENVELOPE, ENVELOPE_VERSION))
    validate(event["data"], published(event["type"], event["schemaversion"]))


def holds(whole: Any, part: Any) -> bool:
    """Whether everything in `part` is in `whole`, where objects may have grown."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and holds(whole[name], part[name]) for name in part
        )
    if isinstance(part, list):
        return len(whole) == len(part) and all(holds(*pair) for pair in zip(whole, part, strict=True))
    return bool(whole == part)


@TYPES
def test_a_sample_of_todays_version_would_be_published_like_that_today(event_type: EventType) -> None:
    body = (SAMPLES / Published(event_type.name, event_type.version).file_name).read_bytes()
    event = catalogue.read(read_cloud_event(body))
    assert holds(from_json(event.data.model_dump_json(exclude_none=True)), event.envelope.data)


@TODAY
def test_a_version_that_was_published_has_at_most_grown(which: Published, schema: dict[str, Any]) -> None:
    assert breaking_changes(published(*which), schema) == []


@TODAY
def test_the_committed_schema_is_todays(which: Published, schema: dict[str, Any]) -> None:
    """So that what was added once cannot be taken away again unnoticed."""
    assert published(*which) == schema, PUBLISH


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    yield from schema.get("$defs", {}).values()


@SCHEMAS
def test_a_schema_is_valid_in_both_dialects_and_names_its_own_address(which: Published) -> None:
    schema = published(*which)
    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema({**schema, "$schema": DRAFT_7})
    assert schema["$id"] == f"/schemas/{which.name}/{which.version}"


@SCHEMAS
def test_every_field_says_what_it_means(which: Published) -> None:
    for part in parts(published(*which)):
        for name, field in part.get("properties", {}).items():
            assert field.get("description", "").endswith((".", "`")), f"{which.name}: {name}"


@SCHEMAS
def test_a_schema_lets_later_fields_through(which: Published) -> None:
    """A version may grow; who validates with the schema of yesterday must not refuse what it grew."""
    assert not any("additionalProperties" in part for part in parts(published(*which)))

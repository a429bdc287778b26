"""Every event version ever published can still be read, and its schema has at most grown."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic_core import from_json

from libs.events import catalogue
from libs.events.catalogue import EventType, event_types
from libs.events.compatibility import breaking_changes
from libs.events.documentation import json_schema
from libs.events.envelope import cloud_event, read_cloud_event
from tests.contract.publishing import SAMPLES, SCHEMAS, file_name, published_schema

SAMPLE = pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
TYPES = pytest.mark.parametrize("event_type", event_types(), ids=lambda event_type: event_type.name)
VERSIONS = {
    file_name(event_type.name, version)
    for event_type in event_types()
    for version in range(1, event_type.version + 1)
}


def validator(name: str) -> Any:
    schema = json.loads((SCHEMAS / name).read_text())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_version_has_its_sample_and_its_schema() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == VERSIONS
    assert {path.name for path in SCHEMAS.iterdir()} == VERSIONS


@SAMPLE
def test_a_published_event_is_read_and_written_again_as_it_was(path: Path) -> None:
    body = path.read_bytes()
    envelope = read_cloud_event(body)
    assert file_name(envelope.type, envelope.schema_version) == path.name
    assert from_json(cloud_event(envelope)) == from_json(body)
    assert catalogue.type_of(catalogue.read(envelope).data).name == envelope.type


@SAMPLE
def test_a_published_event_fits_the_schema_it_was_published_with(path: Path) -> None:
    validator(path.name).validate(from_json(path.read_bytes())["data"])


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
    body = (SAMPLES / file_name(event_type.name, event_type.version)).read_bytes()
    event = catalogue.read(read_cloud_event(body))
    assert holds(from_json(event.data.model_dump_json(exclude_none=True)), event.envelope.data)


@TYPES
def test_a_version_that_was_published_has_at_most_grown(event_type: EventType) -> None:
    published = published_schema(event_type)
    assert published is not None, "run: python -m tests.contract.publishing"
    assert breaking_changes(published, json_schema(event_type)) == []


@TYPES
def test_the_committed_schema_is_todays(event_type: EventType) -> None:
    """So that what was added once cannot be taken away again unnoticed."""
    assert published_schema(event_type) == json_schema(event_type), "run: python -m tests.contract.publishing"

"""The page and the schemas made from the catalogue."""

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic_core import from_json

from libs.events import documentation
from libs.events.catalogue import EventType, event_types, type_named
from libs.events.documentation import page
from libs.events.envelope import cloud_event
from libs.events.json_schema import ATTRIBUTES, json_schema
from libs.events.raid import IssueEstimated
from tests.support.recorded import ACHIEVED

TYPES = pytest.mark.parametrize("event_type", event_types(), ids=lambda event_type: event_type.name)


def test_every_attribute_of_an_event_is_explained_in_the_order_it_is_written() -> None:
    assert list(ATTRIBUTES) == list(from_json(cloud_event(ACHIEVED)))


def test_the_page_names_an_event_its_fields_and_its_words() -> None:
    lines = page().splitlines()
    assert "### milestone.reforecast" in lines
    assert "A milestone is now expected on another date. *Version 1.*" in lines
    assert "| `forecast_on_before` | date | if known | The date expected until then. |" in lines
    assert "| `caused_by` | list of Cause | may be empty | What moved the date, as far as known. |" in lines
    assert "**Priority**: `low`, `medium`, `high`, `critical`." in lines


def test_events_stand_in_the_order_of_life() -> None:
    titles = [line for line in page().splitlines() if line.startswith("### milestone.")]
    assert titles[:2] == ["### milestone.planned", "### milestone.committed"]


@TYPES
def test_an_event_says_in_one_sentence_what_happened(event_type: EventType) -> None:
    sentence = json_schema(event_type)["description"]
    assert sentence.endswith(".")
    assert "\n" not in sentence


@TYPES
def test_a_field_that_may_be_nothing_may_be_absent(event_type: EventType) -> None:
    """The log leaves out what is nothing, so such a field needs its default to be read again."""
    schema = json_schema(event_type)
    nullable = {
        name for name, field in schema["properties"].items() if {"type": "null"} in field.get("anyOf", [])
    }
    assert nullable.isdisjoint(schema.get("required", ()))


def test_a_schema_describes_the_published_form() -> None:
    estimate = json_schema(type_named("issue.estimated"))["properties"]["estimate"]
    assert (estimate["type"], estimate["format"]) == ("string", "decimal")
    data = IssueEstimated.model_validate({"estimate": "1.5", "unit": "days"}).model_dump(mode="json")
    Draft202012Validator(json_schema(type_named("issue.estimated"))).validate(data)


def test_the_committed_page_is_what_the_catalogue_says() -> None:
    assert documentation.PAGE.read_text() == page(), "run: python -m libs.events.documentation"

"""What may change within a version of an event, and what may not."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, create_model

from libs.events.compatibility import breaking_changes


class Color(StrEnum):
    RED = "red"
    GREEN = "green"


class Hue(StrEnum):
    RED = "red"
    GREEN = "green"


class Fewer(StrEnum):
    RED = "red"


class More(StrEnum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Part(BaseModel):
    label: str


class PartWithMore(BaseModel):
    label: str
    note: str = ""


class PartWithLess(BaseModel):
    note: str = ""


FIELDS: dict[str, Any] = {
    "name": (str, ...),
    "met_on": (date, ...),
    "color": (Color, ...),
    "note": (str, ""),
    "team": (str | None, None),
    "parts": (tuple[Part, ...], ()),
    "size": (Annotated[int, Field(ge=0, le=10)], 0),
}


def schema(**changes: Any) -> dict[str, Any]:
    """The schema of the example event with some of its fields changed; `None` takes one away."""
    fields = {name: kind for name, kind in (FIELDS | changes).items() if kind is not None}
    example: type[BaseModel] = create_model("Example", **fields)
    return example.model_json_schema(mode="serialization")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"reason": (str, "")}, id="an optional field is new"),
        pytest.param({"reason": (str | None, None)}, id="an optional field that may be nothing is new"),
        pytest.param({"parts": (tuple[PartWithMore, ...], ())}, id="an optional field of a part is new"),
        pytest.param({"name": (str, Field(description="Its name"))}, id="a description is new"),
        pytest.param({"color": (Hue, ...)}, id="a class has another name"),
    ],
)
def test_what_breaks_nobody_may_change_within_a_version(changes: dict[str, Any]) -> None:
    assert breaking_changes(schema(), schema(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"note": None}, "data.note was removed or renamed"),
        ({"note": None, "remark": (str, "")}, "data.note was removed or renamed"),
        ({"parts": (tuple[PartWithLess, ...], ())}, "data.parts[].label was removed or renamed"),
        ({"reason": (str, ...)}, "data.reason is required now"),
        ({"team": (str | None, ...)}, "data.team is required now"),
        ({"met_on": (date, date(2026, 1, 1))}, "data.met_on is no longer always there"),
        ({"name": (int, ...)}, "data.name: type was string, is integer"),
        ({"met_on": (str, ...)}, "data.met_on: format was date, is None"),
        ({"met_on": (datetime, ...)}, "data.met_on: format was date, is date-time"),
        ({"parts": (Part | None, None)}, "data.parts has another choice of types"),
        ({"team": (str, "")}, "data.team has another choice of types"),
        ({"team": (int | None, None)}, "data.team: type was string, is integer"),
        ({"note": (str | None, "")}, "data.note has another choice of types"),
        ({"color": (Fewer, ...)}, "data.color: enum was ['red', 'green'], is ['red']"),
        ({"color": (More, ...)}, "data.color: enum was ['red', 'green'], is ['red', 'green', 'blue']"),
        ({"name": (Annotated[str, Field(max_length=9)], ...)}, "data.name: maxLength was None, is 9"),
        ({"size": (Annotated[int, Field(ge=0, le=9)], 0)}, "data.size: maximum was 10, is 9"),
        ({"note": (str, "none")}, "data.note: default was , is none"),
    ],
)
def test_what_breaks_somebody_needs_a_new_version(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in breaking_changes(schema(), schema(**changes))

"""What the catalogue knows, refuses, and reads."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from libs.events import catalogue, vocabulary
from libs.events.catalogue import EventType, InvalidEvent, UnknownEvent, published
from libs.events.envelope import EventData
from libs.events.schedule import MilestoneAchieved
from tests.support.recorded import ACHIEVED


def test_the_vocabulary_fills_the_catalogue() -> None:
    contexts = {context.__name__ for context in vocabulary.CONTEXTS}
    names = [each.name for each in catalogue.event_types() if each.model.__module__ in contexts]
    assert {"project.proposed", "milestone.reforecast", "issue.moved_in"} <= set(names)
    assert names == sorted(names)


def test_a_recorded_event_is_read_with_its_data() -> None:
    event = catalogue.read(ACHIEVED)
    assert event.envelope is ACHIEVED
    assert event.data == MilestoneAchieved.model_validate(ACHIEVED.data)
    assert catalogue.type_of(event.data) is catalogue.type_named("milestone.achieved")


def test_fields_that_are_not_known_yet_are_ignored() -> None:
    later = replace(ACHIEVED, data={**ACHIEVED.data, "witnesses": 3})
    assert catalogue.read(later).data == catalogue.read(ACHIEVED).data


def test_an_unknown_type_and_a_newer_version_wait_for_the_next_program() -> None:
    with pytest.raises(UnknownEvent, match=r"no event type is called milestone\.celebrated"):
        catalogue.read(replace(ACHIEVED, type="milestone.celebrated"))
    with pytest.raises(UnknownEvent, match="has version 2, this program knows 1"):
        catalogue.read(replace(ACHIEVED, schema_version=2))


@pytest.mark.parametrize("data", [{}, {"achieved_on": "yesterday"}, {"achieved_on": None}], ids=repr)
def test_data_that_does_not_fit_its_schema_is_corrupt_history(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent, match=r"milestone\.achieved at position 7"):
        catalogue.read(replace(ACHIEVED, data=data))


def test_there_is_no_version_before_the_first() -> None:
    with pytest.raises(InvalidEvent, match="there is no version 0 or less"):
        catalogue.read(replace(ACHIEVED, schema_version=0))


def test_old_data_goes_through_every_later_version() -> None:
    def in_days(data: dict[str, Any]) -> dict[str, Any]:
        return {"days": data["weeks"] * 7}

    def in_hours(data: dict[str, Any]) -> dict[str, Any]:
        return {"hours": data["days"] * 24}

    event_type = EventType("effort.measured", 3, EventData, {1: in_days, 2: in_hours})
    versions = ({"weeks": 2}, {"days": 14}, {"hours": 336})
    assert [event_type.upcast(data, version) for version, data in enumerate(versions, start=1)] == [
        {"hours": 336}
    ] * 3


def test_a_type_is_published_once_and_with_a_way_from_every_earlier_version() -> None:
    class Doubled(EventData):
        pass

    with pytest.raises(ValueError, match="in the catalogue twice"):
        published("milestone.achieved")(Doubled)
    with pytest.raises(ValueError, match="needs an upcaster from each version before 3"):
        published("milestone.celebrated", version=3, upcasters={1: dict})(Doubled)


def test_subjects_are_made_of_ids_and_types() -> None:
    assert catalogue.subject(ACHIEVED) == (
        "milepost.00000000-0000-0000-0000-000000000001.00000000-0000-0000-0000-000000000002.milestone.achieved"
    )
    assert catalogue.subject_of(UUID(int=1), None, "api_key.issued") == (
        "milepost.00000000-0000-0000-0000-000000000001._.api-key.issued"
    )

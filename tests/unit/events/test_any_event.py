"""Whatever an event of any published type says is read as it was written, through its CloudEvent and its data."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.events import catalogue, vocabulary
from libs.events.catalogue import EventType
from libs.events.envelope import EventData, cloud_event, read_cloud_event
from tests.support.recorded import ACHIEVED

CONTEXTS = {context.__name__ for context in vocabulary.CONTEXTS}
TYPES = [each for each in catalogue.event_types() if each.model.__module__ in CONTEXTS]
# What PostgreSQL can not hold never becomes an event.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))


def said_by(event_type: EventType) -> st.SearchStrategy[EventData]:
    return st.from_type(event_type.model)


@given(st.sampled_from(TYPES).flatmap(said_by))
def test_whatever_an_event_says_is_read_as_it_was_written(data: EventData) -> None:
    event_type = catalogue.type_of(data)
    written = replace(
        ACHIEVED,
        type=event_type.name,
        schema_version=event_type.version,
        data=data.model_dump(mode="json"),
    )
    assert catalogue.read(read_cloud_event(cloud_event(written))).data == data


@given(st.integers(1, 6).flatmap(lambda newest: st.tuples(st.just(newest), st.integers(1, newest))))
def test_data_of_any_version_goes_through_every_later_one_once(versions: tuple[int, int]) -> None:
    newest, written = versions

    def later(version: int) -> catalogue.Upcaster:
        return lambda data: {"went_through": [*data["went_through"], version]}

    steps = {version: later(version) for version in range(1, newest)}
    data: dict[str, Any] = {"went_through": []}
    upcast = EventType("effort.measured", newest, EventData, steps).upcast(data, written)
    assert (upcast, data) == ({"went_through": list(range(written, newest))}, {"went_through": []})

"""The form events have at every border."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from libs.events.envelope import (
    StreamKey,
    UnreadableEvent,
    aggregate_of,
    cloud_event,
    entity_id_of,
    instant,
    instant_text,
    read_cloud_event,
    stream_name,
)
from tests.support.recorded import ACHIEVED

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(0, 10**16).map(lambda microseconds: EPOCH + timedelta(microseconds=microseconds))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_an_event_is_a_cloud_event() -> None:
    assert from_json(cloud_event(ACHIEVED)) == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000003",
        "source": "/milepost/projects",
        "type": "milestone.achieved",
        "subject": "milestone-00000000-0000-0000-0000-000000000004",
        "time": "2011-02-21T09:30:00.000120Z",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/milestone.achieved/1",
        "position": 7,
        "sequence": "00000000000000000007",
        "streamversion": 3,
        "schemaversion": 1,
        "orgid": "00000000-0000-0000-0000-000000000001",
        "effectiveat": "2011-02-20T23:59:59.000000Z",
        "actor": "00000000-0000-0000-0000-000000000005",
        "projectid": "00000000-0000-0000-0000-000000000002",
        "onbehalfof": "00000000-0000-0000-0000-000000000006",
        "correlationid": "00000000-0000-0000-0000-000000000007",
        "causationid": "00000000-0000-0000-0000-000000000008",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"achieved_on": "2011-02-20", "note": "Shipped 🚀"},
    }


def test_what_an_event_does_not_know_is_absent() -> None:
    bare = replace(
        ACHIEVED,
        project_id=None,
        on_behalf_of=None,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
    )
    known = from_json(cloud_event(bare)).keys()
    assert known.isdisjoint({"projectid", "onbehalfof", "correlationid", "causationid", "traceparent"})
    assert read_cloud_event(cloud_event(bare)) == bare


@given(
    position=st.integers(1, 2**63 - 1),
    recorded_at=instants,
    effective_at=instants,
    data=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
)
def test_any_event_is_read_as_it_was_written(
    position: int, recorded_at: datetime, effective_at: datetime, data: dict[str, Any]
) -> None:
    event = replace(
        ACHIEVED, position=position, recorded_at=recorded_at, effective_at=effective_at, data=data
    )
    assert read_cloud_event(cloud_event(event)) == event


@pytest.mark.parametrize(
    "change",
    [
        {"id": "seven"},
        {"orgid": None},
        {"position": "one"},
        {"time": "2011-02-21T09:30:00"},
        {"time": "yesterday"},
        {"effectiveat": 7},
        {"projectid": "somewhere"},
        {"type": ["milestone.achieved"]},
        {"subject": 7},
        {"traceparent": {}},
        {"data": []},
        {"time": "0001-01-01T00:00:00+14:00"},
    ],
    ids=repr,
)
def test_an_event_with_a_malformed_attribute_cannot_be_read(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent, match="not an event of ours"):
        read_cloud_event(to_json(from_json(cloud_event(ACHIEVED)) | change))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b"{}", b"\xff"], ids=repr)
def test_bytes_that_are_no_event_cannot_be_read(body: bytes) -> None:
    with pytest.raises(UnreadableEvent, match="not an event of ours"):
        read_cloud_event(body)


@pytest.mark.parametrize("number", [b"Infinity", b"-Infinity", b"NaN"], ids=repr)
def test_an_event_with_what_is_no_number_cannot_be_read(number: bytes) -> None:
    whole = cloud_event(ACHIEVED)
    assert b'"position":7' in whole
    with pytest.raises(UnreadableEvent):
        read_cloud_event(whole.replace(b'"position":7', b'"position":' + number))


def test_every_attribute_is_needed_but_the_optional_ones() -> None:
    optional = {"projectid", "onbehalfof", "correlationid", "causationid", "traceparent"}
    implied = {"specversion", "source", "datacontenttype", "dataschema", "sequence"}
    whole = from_json(cloud_event(ACHIEVED))
    for name in whole.keys() - optional - implied:
        with pytest.raises(UnreadableEvent):
            read_cloud_event(to_json({key: value for key, value in whole.items() if key != name}))


def test_instants_are_read_with_any_offset_and_written_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert instant("2012-03-15T12:53:52.000+02:00") == datetime(2012, 3, 15, 10, 53, 52, tzinfo=UTC)
    assert instant("2012-03-15T12:53:52Z").tzinfo is UTC
    assert instant_text(datetime(2012, 3, 15, 12, 53, 52, tzinfo=there)) == "2012-03-15T10:53:52.000000Z"


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset from UTC"):
        instant("2012-03-15T12:53:52")


def test_the_name_of_a_stream_holds_the_aggregate_and_its_id() -> None:
    stream = stream_name("change_request", UUID(int=4))
    assert (aggregate_of(stream), entity_id_of(stream)) == ("change_request", UUID(int=4))
    assert ACHIEVED.entity_id == UUID(int=4)
    assert ACHIEVED.key == StreamKey(UUID(int=1), ACHIEVED.stream)

"""Moments as clients write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.moments import Moment, read_instant, read_moment, read_position
from libs.chassis.problems import Problem


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("0", 0),
        ("42", 42),
        ("9223372036854775807", 9223372036854775807),
        ("2024-02-29", datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC)),
        ("2024-02-29T12:30:00Z", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("2024-02-29t12:30:00.5z", datetime(2024, 2, 29, 12, 30, 0, 500_000, tzinfo=UTC)),
        ("2024-02-29T12:30:00+02:00", datetime(2024, 2, 29, 10, 30, tzinfo=UTC)),
        ("2024-02-29T12:30:00 02:00", datetime(2024, 2, 29, 10, 30, tzinfo=UTC)),
        ("2024-02-29 12:30:00-02:00", datetime(2024, 2, 29, 14, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_position_an_instant_or_the_end_of_a_date(
    text: str | None, moment: Moment | None
) -> None:
    assert read_moment("as_of", text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "+1", "1.0", "9223372036854775808", "9" * 5_000, "٣", "now", "\0"),
        *("2023-02-29", "2024-W09-4", "2024-02-29T12:30:00", "2024-02-29T25:00:00Z", "2024-02-29T12:30Z"),
        "0001-01-01T00:00:00+12:00",
    ],
)
def test_everything_else_is_refused_by_name_and_not_repeated(text: str) -> None:
    with pytest.raises(Problem) as refused:
        read_moment("as_of", text)
    (fault,) = refused.value.extra["errors"]
    assert (refused.value.status, fault["parameter"]) == (422, "as_of")
    assert len(refused.value.detail) < 120


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(0, 10**17), OFFSETS, st.sampled_from("Tt "))
def test_any_instant_is_read_as_it_was_written(microseconds: int, offset: timezone, between: str) -> None:
    moment = (datetime(1900, 1, 1, 15, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(offset)
    assert read_instant("as_of", moment.isoformat(between, "microseconds")) == moment


@given(
    st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}.*)?", fullmatch=True)
)
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        moment = read_moment("as_of", text)
    except Problem:
        return
    assert isinstance(moment, int) or (moment is not None and moment.tzinfo is UTC)


def test_a_position_is_no_instant() -> None:
    with pytest.raises(Problem):
        read_instant("effective_at", "42")
    with pytest.raises(Problem):
        read_position("min_position", "2024-02-29")

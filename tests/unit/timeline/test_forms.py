"""The form of what timeline answers, where it is not that of the thing itself."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.timeline.api.forms import duration_text

# Appendix A of RFC 3339, as far as days go.
RFC_3339 = re.compile(r"P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H(?=$|\d+M))?(?:(\d+)M)?(?:(\d+)S)?)?")
UNITS = ("days", "hours", "minutes", "seconds")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "PT0S"),
        (timedelta(seconds=16, microseconds=408_715), "PT16S"),
        (timedelta(hours=1, seconds=5), "PT1H0M5S"),
        (timedelta(hours=2), "PT2H"),
        (timedelta(days=1), "P1D"),
        (timedelta(days=400, minutes=3), "P400DT3M"),
    ],
)
def test_a_duration_is_told_in_whole_seconds_and_no_unit_longer_than_a_day(
    duration: timedelta, text: str
) -> None:
    assert duration_text(duration) == text


@given(st.integers(0, 10**10), st.integers(0, 999_999))
def test_any_duration_has_the_form_its_schema_promises(seconds: int, microseconds: int) -> None:
    text = duration_text(timedelta(seconds=seconds, microseconds=microseconds))
    found = RFC_3339.fullmatch(text)
    assert found is not None, text
    told = timedelta(**dict(zip(UNITS, (int(count or 0) for count in found.groups()), strict=True)))
    assert told == timedelta(seconds=seconds)

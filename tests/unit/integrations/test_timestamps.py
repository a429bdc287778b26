"""Instants are read as logs write them; what may mean two instants is not read at all."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integrations.timestamps import DateOrder, InstantReader

NOON = datetime(2026, 4, 3, 12, tzinfo=UTC)
STOCKHOLM = ZoneInfo("Europe/Stockholm")


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-03T12:00:00Z",
        "2026-04-03T14:00:00.000+02:00",
        "2026-04-03 12:00",
        "2026-04-03 12:00:00.000000",
        "20260403T120000Z",
        "2026/04/03 12:00:00",
        "2026.04.03 12:00",
        " 2026-04-03T12:00:00Z ",
    ],
)
def test_the_forms_of_iso_8601_and_their_cousins_are_read(text: str) -> None:
    assert InstantReader().read(text) == NOON


def test_an_offset_is_kept() -> None:
    assert InstantReader(STOCKHOLM).read("2006-01-11T16:49:42.000+05:30").utcoffset() == timedelta(
        hours=5, minutes=30
    )


def test_without_an_offset_the_zone_decides_summer_and_winter() -> None:
    reader = InstantReader(STOCKHOLM)

    assert reader.read("2026-01-05T12:00:00") == datetime(2026, 1, 5, 11, tzinfo=UTC)
    assert reader.read("2026-07-05T12:00:00") == datetime(2026, 7, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("03-04-2026 12:00", DateOrder.DAY_FIRST),
        ("3.4.2026 12:00:00", DateOrder.DAY_FIRST),
        ("03/04/2026, 12:00 PM", DateOrder.DAY_FIRST),
        ("03/04/2026 2:00 pm +02:00", DateOrder.DAY_FIRST),
        ("03/04/2026 12:00 am -12:00", DateOrder.DAY_FIRST),
        ("04/03/2026 12:00", DateOrder.MONTH_FIRST),
        ("4/3/2026 12:00:00,000", DateOrder.MONTH_FIRST),
        ("03/04/2026 14:00 +02:00", DateOrder.DAY_FIRST),
    ],
)
def test_dates_of_spreadsheets_are_read_in_the_order_that_was_told(text: str, order: DateOrder) -> None:
    assert InstantReader(order=order).read(text) == NOON


def test_without_an_order_only_a_date_that_cannot_mean_two_days_is_read() -> None:
    reader = InstantReader()

    assert reader.read("29-02-2016 01:23") == datetime(2016, 2, 29, 1, 23, tzinfo=UTC)
    assert reader.read("02/29/2016 01:23") == datetime(2016, 2, 29, 1, 23, tzinfo=UTC)
    assert reader.read("04/04/2026") == datetime(2026, 4, 4, tzinfo=UTC)
    with pytest.raises(ValueError, match="day first or month first"):
        reader.read("03/04/2026 12:00")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing"),
        ("yesterday", "no known form"),
        ("31-02-2026 10:00", "not in the calendar"),
        ("03-04-26 10:00", "no year of four digits"),
        ("29-02-2016 noon", "time of day"),
        ("0001-01-01T00:00:00+14:00", "outside the calendar"),
    ],
)
def test_what_is_no_instant_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        InstantReader(UTC).read(text)

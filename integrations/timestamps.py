"""Reads the instants that logs write: ISO 8601 first, then the day-month-year forms of spreadsheets.

An offset is kept; an instant without one is read in the zone the caller names.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

_DATE = re.compile(r"^(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[T ,]+(\S.*))?$")
_CLOCK = re.compile(
    r"^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|z|[+-]\d{2}:?\d{2})?$"
)


class DateOrder(StrEnum):
    """What comes first in a date like 03/04/2026."""

    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"


@dataclass(frozen=True, slots=True)
class InstantReader:
    """`zone` is for instants without an offset; without an `order` no date is read that may mean two days."""

    zone: tzinfo = UTC
    order: DateOrder | None = None

    def read(self, text: str) -> datetime:
        """An aware instant; raises `ValueError` with a sentence that says what is wrong."""
        stripped = text.strip()
        if not stripped:
            raise ValueError("the timestamp is missing")
        try:
            moment = datetime.fromisoformat(stripped)
        except ValueError:
            moment = self._written_by_hand(stripped)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        try:
            moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("the timestamp is outside the calendar") from None
        return moment

    def _written_by_hand(self, text: str) -> datetime:
        date = _DATE.match(text)
        if date is None:
            raise ValueError("the timestamp has no known form")
        first, _, second, third, clock = date.groups()
        if len(first) == 4:
            year, month, day = int(first), int(second), int(third)
        elif len(third) == 4:
            year = int(third)
            month, day = self._month_and_day(int(first), int(second))
        else:
            raise ValueError("the timestamp has no year of four digits")
        try:
            return datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}{_clock(clock)}")
        except ValueError as error:
            raise ValueError(f"the timestamp is not in the calendar: {error}") from None

    def _month_and_day(self, first: int, second: int) -> tuple[int, int]:
        if self.order is None and first <= 12 and second <= 12 and first != second:
            raise ValueError("day first or month first? the timestamp may mean both; tell which")
        is_day_first = self.order is DateOrder.DAY_FIRST or (self.order is None and first > 12)
        return (second, first) if is_day_first else (first, second)


def _clock(text: str | None) -> str:
    """`9:05 pm` as `T21:05:00`, with fraction and offset if it has them."""
    if text is None:
        return ""
    clock = _CLOCK.match(text.strip())
    if clock is None:
        raise ValueError("the time of day has no known form")
    hour, minute, second, fraction, half, offset = clock.groups()
    hours = int(hour)
    if half is not None:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    return f"T{hours:02}:{minute}:{second or '00'}.{(fraction or '0')[:6]:0<6}{offset or ''}"

"""Reads the instants that logs write: ISO 8601 first, then the day-month-year forms of spreadsheets.

An offset is kept; an instant without one is read in the zone the caller names.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

_DATE = re.compile(r"^(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[T ,]+(\S.*))?$")
_CLOCK = re.compile(
    r"^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|z|[+-]\d{2}:?\d{2})?$"
)


@dataclass(frozen=True, slots=True)
class InstantReader:
    """`zone` is for instants without an offset; `is_day_first` reads 03/04/2026 as the third of April."""

    zone: tzinfo = UTC
    is_day_first: bool = False

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
            year, month, day = first, second, third
        elif self.is_day_first:
            day, month, year = first, second, third
        else:
            month, day, year = first, second, third
        if len(year) != 4:
            raise ValueError("the timestamp has no year of four digits")
        try:
            return datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}{_clock(clock)}")
        except ValueError:
            raise ValueError(self._hint(int(month), int(day))) from None

    def _hint(self, month: int, day: int) -> str:
        if month > 12 >= day:
            order = "month first" if self.is_day_first else "day first"
            return f"the timestamp has no month {month}: is it written {order}?"
        return "the timestamp is not in the calendar"


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

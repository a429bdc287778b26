"""Moments as clients write them: a position of the log, an instant (RFC 3339), or a date, meaning its end in UTC."""

import re
from datetime import UTC, date, datetime, time

from libs.chassis.faults import wrong_parameter

POSITION_MAX = 2**63 - 1
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# A plus sign that was not percent-encoded arrives as a space.
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+\- ]\d{2}:\d{2})", re.ASCII)

Moment = int | datetime


def read_moment(name: str, text: str | None) -> Moment | None:
    """`as_of`: a position as `int`, or the last microsecond it includes as aware `datetime` in UTC.

    `None` stays `None`; raises `Problem` 422 naming the parameter for everything else.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return read_position(name, text)
    return _instant_or_end(name, text, "a position (a whole number), an instant (RFC 3339 with offset)")


def read_position(name: str, text: str) -> int:
    """A position from 0 to 2^63 - 1; raises `Problem` 422."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= POSITION_MAX):
        raise wrong_parameter(name, f"{name} must be a position: a whole number, 0 or more.")
    return int(text)


def read_instant(name: str, text: str | None) -> datetime | None:
    """`effective_at`: an instant, or the end of a date, in UTC; `None` stays `None`; raises `Problem` 422."""
    return None if text is None else _instant_or_end(name, text, "an instant (RFC 3339 with offset)")


def _instant_or_end(name: str, text: str, others: str) -> datetime:
    """An instant or the end of a date; a refusal tells what `others` are taken."""
    try:
        if DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        if INSTANT.fullmatch(text):
            return _instant(text)
    except (ValueError, OverflowError):
        pass
    raise wrong_parameter(name, f"{name} must be {others} or a date (YYYY-MM-DD).")


def _instant(text: str) -> datetime:
    clock = text[11:].upper().replace(" ", "+").replace("Z", "+00:00")
    return datetime.fromisoformat(f"{text[:10]}T{clock}").astimezone(UTC)

"""From where a question is asked: two clocks, one for what was known and one for what was true.

`as_of` is a position, or an instant that stands for the last position recorded until then. `effective_at`
is an instant in the business. A date means the end of that day in UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from libs.events.envelope import instant

POSITION: Final = re.compile(r"[0-9]{1,18}\Z")
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


@dataclass(frozen=True, slots=True)
class AsOf:
    """A resolved standpoint.

    `position` is the last one known; `recorded_at` is its instant (none in the empty world at 0).
    `effective_at` is what was asked for; none: everything that is known counts. `is_newest` says that
    nothing later is known here, so that current rows may answer.
    """

    position: int
    recorded_at: datetime | None
    effective_at: datetime | None = None
    is_newest: bool = False

    @property
    def is_present(self) -> bool:
        """Whether the question is about the present: all that is known, and all of it counts."""
        return self.is_newest and self.effective_at is None

    @property
    def judged_at(self) -> datetime | None:
        """The instant by which overdue and missed are judged, and up to which time is counted."""
        return self.effective_at or self.recorded_at

    @property
    def judged_on(self) -> date:
        """The day of `judged_at`; in the empty world there is nothing to judge, so any day will do."""
        return self.judged_at.astimezone(UTC).date() if self.judged_at else date.min


def read_as_of(text: str) -> int | datetime:
    """A position, an RFC 3339 instant or a date; raises `ValueError` on anything else."""
    return int(text) if POSITION.match(text) else read_moment(text)


def read_moment(text: str) -> datetime:
    """An RFC 3339 instant, or a date for the end of that day in UTC; raises `ValueError` on anything else."""
    if DAY.match(text):
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    return instant(text)

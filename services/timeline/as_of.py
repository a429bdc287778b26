"""From where a question is asked: two clocks, one for what was known and one for what was true.

`as_of` is a position, or an instant that stands for the last position recorded until then; `effective_at`
is an instant in the business.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime


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

"""A clock that a test moves by hand."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.chassis.clock import utc_now


@dataclass
class HandMovedClock:
    """Begins now, because receivers refuse signatures that are not of today, and stands still until moved."""

    now: datetime = field(default_factory=utc_now)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        """`move(minutes=5)`"""
        self.now += timedelta(**amount)

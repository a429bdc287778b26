"""What time it is, as an argument: schedules are tested without waiting for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant, aware and in UTC."""
    return datetime.now(UTC)


def shifted(seconds: float) -> Clock:
    """The present instant moved by some seconds; only tests and simulations shift clocks."""
    return utc_now if seconds == 0 else lambda: utc_now() + timedelta(seconds=seconds)

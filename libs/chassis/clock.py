"""The wall clock of this process, which tests may move while it runs. What waits or lasts is measured without it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Clock = Callable[[], datetime]

_offset_file: Path | None = None


def move_by(offset_file: Path | None) -> None:
    """From now on the clock is off by as many seconds as this file says; as long as there is no file it is right."""
    global _offset_file
    _offset_file = offset_file


def utc_now() -> datetime:
    """The present instant, aware and in UTC."""
    now = datetime.now(UTC)
    return now if _offset_file is None else now + timedelta(seconds=_offset_seconds(_offset_file))


def epoch_seconds() -> float:
    """The present instant in seconds since 1970, as tokens count them."""
    now = time.time()
    return now if _offset_file is None else now + _offset_seconds(_offset_file)


def _offset_seconds(file: Path) -> float:
    try:
        return float(file.read_text())
    except FileNotFoundError:
        return 0.0

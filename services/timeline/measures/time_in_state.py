"""How long an issue was in each of its states, blocked, or back to life: exact, from its history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from libs.events.portfolio import StateCategory

FINISHED = frozenset({StateCategory.DONE, StateCategory.CANCELLED})


@dataclass(frozen=True, slots=True)
class Status:
    """How an issue stood from an instant on. Statuses come in the order in which they were true.

    `entered_at` is when the state was entered: it stays the same while other things change.
    """

    at: datetime
    state: str
    category: str
    entered_at: datetime
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class Stay:
    """A time spent in one state; one that goes on has no end. `duration` is up to the instant asked for."""

    state: str
    category: str
    entered_at: datetime
    left_at: datetime | None
    duration: timedelta | None


@dataclass(frozen=True, slots=True)
class Block:
    """A time during which work could not go on; one that goes on has no end."""

    blocked_at: datetime
    unblocked_at: datetime | None
    duration: timedelta


def stays(statuses: Sequence[Status], until: datetime) -> list[Stay]:
    """The states an issue went through, one after the other.

    A stay in a finished state (done or cancelled) that goes on has no duration: rest is not work. A state
    that was only said again is one stay; one that was left and entered again is two.
    """
    entries = [
        status
        for before, status in pairwise((None, *statuses))
        if status is not None
        and (before is None or (before.state, before.entered_at) != (status.state, status.entered_at))
    ]
    return [_stay(entry, following, until) for entry, following in pairwise((*entries, None)) if entry]


def _stay(entry: Status, following: Status | None, until: datetime) -> Stay:
    left_at = following.at if following else None
    if left_at is None and entry.category in FINISHED:
        return Stay(entry.state, entry.category, entry.at, None, None)
    duration = max((left_at or until) - entry.at, timedelta())
    return Stay(entry.state, entry.category, entry.at, left_at, duration)


def blocks(statuses: Sequence[Status], until: datetime) -> list[Block]:
    """When it was blocked. A block ends when it is taken away, or when the issue is finished."""
    found: list[Block] = []
    started_at: datetime | None = None
    for status in statuses:
        is_held_up = status.is_blocked and status.category not in FINISHED
        if is_held_up and started_at is None:
            started_at = status.at
        elif not is_held_up and started_at is not None:
            found.append(Block(started_at, status.at, status.at - started_at))
            started_at = None
    if started_at is not None:
        found.append(Block(started_at, None, max(until - started_at, timedelta())))
    return found


def time_by_state(spent: Iterable[Stay]) -> dict[str, timedelta]:
    """Time in each state, in the order in which the states were first entered."""
    return _total((stay.state, stay.duration) for stay in spent)


def time_by_category(spent: Iterable[Stay]) -> dict[str, timedelta]:
    """Time in each category, whatever the team calls its states."""
    return _total((stay.category, stay.duration) for stay in spent)


def time_blocked(held_up: Iterable[Block]) -> timedelta:
    """Time in which work could not go on, all blocks together; they never overlap."""
    return sum((block.duration for block in held_up), timedelta())


def _total(spent: Iterable[tuple[str, timedelta | None]]) -> dict[str, timedelta]:
    totals: dict[str, timedelta] = {}
    for key, duration in spent:
        totals[key] = totals.get(key, timedelta()) + (duration or timedelta())
    return totals

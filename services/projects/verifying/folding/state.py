"""What every fold of this reading of the log holds on to: plain rows of JSON, and the state after each event.

It shares no code with the services whose tables are held against it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

Row: TypeAlias = Mapping[str, Any]
State: TypeAlias = dict[str, Any]


class Change(NamedTuple):
    """How an entity stands after an event, and what else the event says: its words, and further facts."""

    state: State
    note: str | None = None
    detail: Any = None


Fold: TypeAlias = Callable[[State, Row], Change]


class LogContradicted(Exception):
    """An event says what the log before it does not say, or what nobody can read."""


def unread(event: Row) -> LogContradicted:
    """For an event that a stream of this kind does not have."""
    return LogContradicted(f"{event['stream']} has an event {event['type']}")


def instant_in_json(text: str | None) -> str | None:
    """An instant of an event's data as PostgreSQL writes instants in JSON."""
    if text is None:
        return None
    whole, point, fraction = datetime.fromisoformat(text).astimezone(UTC).isoformat()[:-6].partition(".")
    shown = fraction.rstrip("0")
    return f"{whole}{point if shown else ''}{shown}+00:00"

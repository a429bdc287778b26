"""What every part of the reference fold holds on to: plain rows, and what it says of a log that contradicts itself."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
State = dict[str, Any]
Folded = tuple[State, str | None, Any]


class LogContradicted(AssertionError):
    """An event says of the state before it what the log before it does not say."""


def begun(event: Row, before: State | None, first: str) -> State:
    """The state before an event; only the first one has none."""
    if (before is None) != (event["type"] == first):
        raise LogContradicted(f"{event['stream']} version {event['version']} is {event['type']}")
    return dict(before or {})


def held(event: Row, state: State, *names: str) -> None:
    """What the event says was so before (`<name>_before`) is what the log said."""
    for name in names:
        said, known = event["data"].get(f"{name}_before"), state.get(name)
        if said != known:
            raise LogContradicted(f"position {event['position']}: {name} was {known!r}, not {said!r}")

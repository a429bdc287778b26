"""What happens in a simulated world: a random history of projects, some of whose events nobody can read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from libs.events import catalogue
from libs.events.catalogue import SUBJECT_ROOT, subject
from libs.events.envelope import Envelope, cloud_event
from libs.events.parking import project_sequence
from tests.simulation import reference
from tests.simulation.postgres.tables import Row
from tests.simulation.reference import Expected
from tests.support.random_history import RandomHistory

EVENTS = 200
# Making a history costs as much as simulating one; what differs from seed to seed is what befalls it.
HISTORIES = 40
FUTURE: Mapping[str, Any] = {"schema_version": 99}
UNREADABLE: tuple[Mapping[str, Any], ...] = (
    {"data": {"nonsense": True}},
    {"type": "future.invented"},
    FUTURE,
)


@dataclass(frozen=True)
class Script:
    """Events as rows of the log; `unreadable` are the positions that stay parked for ever."""

    number: int
    envelopes: tuple[Envelope, ...]
    rows: tuple[Row, ...]
    unreadable: frozenset[int] = frozenset()

    def with_unreadable(self, chance: Random, many: int) -> "Script":
        """The same history with some of its events beyond everybody's understanding."""
        positions = frozenset(chance.sample(range(1, len(self.envelopes) + 1), many))
        envelopes = list(self.envelopes)
        for position in sorted(positions):
            envelopes[position - 1] = _unreadable(envelopes[position - 1], chance.choice(UNREADABLE))
        rows = list(self.rows)
        for position in positions:
            rows[position - 1] = row_of(envelopes[position - 1])
        return Script(self.number, tuple(envelopes), tuple(rows), positions)

    @cached_property
    def waiting(self) -> list[Envelope]:
        """What has to wait for ever."""
        return self.waiting_behind(self.unreadable)

    def waiting_behind(self, positions: frozenset[int]) -> list[Envelope]:
        """These events, their projects after them, and streams that came from there."""
        parked: set[str] = set()
        waiting = []
        for envelope in self.envelopes:
            names = {envelope.stream}
            if envelope.project_id is not None:
                names.add(project_sequence(envelope.project_id))
            if not parked.isdisjoint(names):
                parked.add(envelope.stream)
                waiting.append(envelope)
            elif envelope.position in positions:
                parked |= names
                waiting.append(envelope)
        return waiting

    def expected(self) -> Expected:
        """What timeline must show of everything that does not wait, by the independent fold."""
        if not self.unreadable:
            return _expected(self.number)
        waiting = {envelope.position for envelope in self.waiting}
        return reference.read(each for each in self.envelopes if each.position not in waiting)


@lru_cache(maxsize=HISTORIES)
def script(number: int) -> Script:
    """One of the histories, the same for the same number."""
    envelopes = tuple(event.envelope for event in RandomHistory(number, EVENTS).events)
    return Script(number, envelopes, tuple(map(row_of, envelopes)))


def prepare() -> None:
    """Make every history now."""
    for number in range(HISTORIES):
        _expected(number)


@lru_cache(maxsize=HISTORIES)
def _expected(number: int) -> Expected:
    return reference.read(script(number).envelopes)


def _unreadable(envelope: Envelope, change: Mapping[str, Any]) -> Envelope:
    """The event as nobody can read it; one that needs no data at all is of a version to come."""
    changed = replace(envelope, **change)
    try:
        catalogue.read(changed)
    except (catalogue.UnknownEvent, catalogue.InvalidEvent):
        return changed
    return replace(envelope, **FUTURE)


def row_of(envelope: Envelope) -> Row:
    """The event as the relay reads it from the log."""
    return Row(
        position=envelope.position,
        event_id=envelope.event_id,
        recorded_at=envelope.recorded_at,
        body=cloud_event(envelope).decode(),
        tokens=subject(envelope).removeprefix(f"{SUBJECT_ROOT}."),
    )

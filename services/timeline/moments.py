"""When each position was recorded: the bridge between the two ways to say as of when."""

from collections.abc import Sequence
from datetime import datetime

from libs.chassis.sessions import Connection
from libs.events.envelope import Event
from libs.events.writing import Write, writes
from services.timeline.projection import Projection
from services.timeline.rows import copy

COLUMNS = ("recorded_at", "position")
UPSERT = """
insert into moments (recorded_at, position)
select * from unnest($1::timestamptz[], $2::bigint[])
on conflict (recorded_at) do update set position = greatest(moments.position, excluded.position)
"""


class Moments(Projection):
    """One row per instant at which something was recorded, with the last position of that instant."""

    def __init__(self) -> None:
        super().__init__("moments", 1)
        self._unfinished: dict[datetime, int] = {}

    def forget(self) -> None:
        self._unfinished = {}

    async def apply(self, connection: Connection, events: Sequence[Event]) -> Sequence[Write]:
        return writes(UPSERT, _last_positions(events).items())

    async def fold(self, connection: Connection, events: Sequence[Event]) -> None:
        """Write all instants but the last, to which the next page may have more."""
        rows = list((self._unfinished | _last_positions(events)).items())
        await copy(connection, "moments", COLUMNS, rows[:-1])
        self._unfinished = dict(rows[-1:])

    async def complete(self, connection: Connection) -> None:
        await copy(connection, "moments", COLUMNS, list(self._unfinished.items()))


def _last_positions(events: Sequence[Event]) -> dict[datetime, int]:
    return {event.envelope.recorded_at: event.envelope.position for event in events}


def moments() -> Moments:
    return Moments()

"""When each position was recorded: the bridge between the two ways to say as of when."""

from collections.abc import Sequence

from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope, Event
from services.timeline.projection import Projection

UPSERT = """
insert into moments (recorded_at, position)
select * from unnest($1::timestamptz[], $2::bigint[])
on conflict (recorded_at) do update set position = greatest(moments.position, excluded.position)
"""


class Moments(Projection):
    """One row per instant at which something was recorded, with the last position of that instant."""

    def __init__(self) -> None:
        super().__init__("moments", 1)

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        await self.apply_envelopes(connection, [event.envelope for event in events])

    async def apply_envelopes(self, connection: Connection, envelopes: Sequence[Envelope]) -> None:
        last_positions = {envelope.recorded_at: envelope.position for envelope in envelopes}
        if last_positions:
            await connection.execute(UPSERT, list(last_positions), list(last_positions.values()))


def moments() -> Moments:
    return Moments()

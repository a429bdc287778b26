"""Where the stream parts from the log, as after the log was restored from a backup.

Up to a common position both are alike. What the stream has behind it is in no log any more.
"""

from dataclasses import dataclass

from nats.aio.client import Client

from libs.chassis.sessions import Connection
from libs.events.log.keeper import event_id_at, stream_tail
from libs.events.log.log import read_head


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where log and stream part: they are alike up to `common`, then the log ends at `head`, the stream at `last`."""

    common: int
    head: int
    last: int

    @property
    def lost(self) -> int:
        """How many events others may have received that the log does not have."""
        return self.last - self.common


async def divergence(connection: Connection, client: Client) -> Divergence | None:
    """Compare the stream with the log; `None` where it is a true copy of it, however far it has come.

    Where the stream no longer holds the place at which they part, it is taken to be the one before its first event.
    """
    tail = await stream_tail(client)
    if tail is None:
        return None
    head = await read_head(connection)
    common = min(tail.first_sequence - 1, head)
    beyond = min(tail.last_sequence, head) + 1
    # Both only ever grow at their ends, so once they differ they differ for good.
    while beyond - common > 1:
        middle = (common + beyond) // 2
        if await _is_alike(connection, client, middle):
            common = middle
        else:
            beyond = middle
    if common == tail.last_sequence:
        return None
    return Divergence(common, head, tail.last_sequence)


async def _is_alike(connection: Connection, client: Client, position: int) -> bool:
    event_id = await connection.fetchval("select event_id from events where position = $1", position)
    return bool(event_id == await event_id_at(client, position))

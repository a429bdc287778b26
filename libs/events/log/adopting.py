"""Where the stream parts from the log, as after the log was restored from a backup.

Up to a common position both are alike. What the stream has behind it is in no log any more.
"""

import asyncio
from dataclasses import dataclass

import asyncpg
import nats.errors
from nats.aio.client import Client

from libs.chassis.sessions import CONNECT_SECONDS, DRIVER_ERRORS, RELEASE_SECONDS, Connection
from libs.events import jetstream
from libs.events.log.keeper import event_id_at, stream_tail
from libs.events.log.log import read_head

COMPARING_SECONDS_MAX = 8.0


class StreamUnknown(Exception):
    """Log or stream can not be reached now, so nobody can say whether they are alike."""


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


async def compared(database_url: str, nats_url: str) -> Divergence | None:
    """`divergence` of what these lead to, through connections of its own. Raises `StreamUnknown`."""
    try:
        async with asyncio.timeout(COMPARING_SECONDS_MAX):
            connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS)
            try:
                async with jetstream.connected(nats_url, "relay") as client:
                    return await divergence(connection, client)
            finally:
                await connection.close(timeout=RELEASE_SECONDS)
    except (*DRIVER_ERRORS, TimeoutError, nats.errors.Error, jetstream.ApiError) as error:
        # The class alone: a driver's text may quote the DSN.
        raise StreamUnknown(f"log and stream can not be compared now: {type(error).__name__}") from error


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

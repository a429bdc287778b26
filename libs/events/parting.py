"""A consumer whose checkpoint names an event that the log does not have: the log is another one, or was restored.

It stands still until an operator has it adopt the log, which is done here while nobody else leads it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from libs.chassis.leading import Leadership
from libs.chassis.sessions import CONNECT_SECONDS, Connection
from libs.events import consuming
from libs.events.consuming import Position
from libs.events.feed import Feed

# A leader that has not noticed yet hears nothing for ten seconds, then asks the log.
STANDS_STILL_SECONDS_MAX = 60.0


class NotAdopted(Exception):
    """Nothing was changed: the consumer can not adopt the log now. The text says why, and what to do next."""


@asynccontextmanager
async def parted(
    database_url: str, durable: str, names: Sequence[str], feed: Feed
) -> AsyncIterator[tuple[Connection, Position]]:
    """A session, as long as nobody else brings the consumer forward, and the checkpoint it had come to.

    Raises `NotAdopted` where projects has not adopted the log yet, where the consumer follows it already, and where
    somebody else goes on leading the consumer; and what the feed raises.
    """
    if not await feed.is_published():
        raise NotAdopted(
            "the stream still holds events that the log does not have, and they would come back; first run:\n"
            '  python -m services.projects adopt-log --reason "…"'
        )
    async with AsyncExitStack() as stack:
        leadership = Leadership(database_url, f"milepost.{durable}")
        try:
            async with asyncio.timeout(STANDS_STILL_SECONDS_MAX):
                await stack.enter_async_context(leadership)
        except TimeoutError:
            raise NotAdopted(
                f"a running process goes on leading {durable}, so it follows this log; should it be stuck, stop it and"
                " run this again"
            ) from None
        checkpoints = await consuming.read_checkpoints(leadership.connection, names)
        reached = max(checkpoints.values(), key=lambda position: position.number, default=Position(0, None))
        if reached.event_id is None or await feed.place(reached.number) == reached:
            raise NotAdopted(
                f"{durable} follows this log, up to position {reached.number:,}, and has nothing to adopt; whether all"
                " holds says:\n  python -m services.projects verify"
            )
        yield await stack.enter_async_context(_unhurried(database_url)), reached


@asynccontextmanager
async def _unhurried(database_url: str) -> AsyncIterator[Connection]:
    """A session for one transaction that reads the whole log: a leader's own bounds are for steps of seconds."""
    settings = {"application_name": "adopting the log", "timezone": "UTC"}
    connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)

"""Fetches events from NATS JetStream, from the durable consumer that Milepost keeps for an API key.

Needs MILEPOST_NATS_URL, MILEPOST_PROJECTS_URL, MILEPOST_API_KEY and the path of its ledger; and nats-py.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nats
from from_feed import page
from ledger import Ledger
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext

STREAM = "PROJECTS"
# Integrations reach JetStream under this prefix.
API = "$JS.milepost.API"
FETCH_EVENTS = 200
FETCH_SECONDS = 5
PAUSE_SECONDS = 2.0


class Consumer:
    """Gives events from the durable to the ledger, in order, and acknowledges them when that has committed.

    The stream holds the latest weeks only, and what was sent to a process that died comes again a minute later, behind
    newer events. So whatever is missing, the log itself is asked for it, over HTTP.
    """

    def __init__(self, jetstream: JetStreamContext, durable: str, ledger: Ledger) -> None:
        self._jetstream = jetstream
        self._durable = durable
        self._ledger = ledger
        self._deliveries = 0

    async def run(self) -> None:
        """Until the connection fails or the key opens nothing any more."""
        inbox = f"_INBOX_{self._durable}.events".encode()
        subscription = await self._jetstream.pull_subscribe_bind(self._durable, STREAM, inbox)
        info = await self._jetstream.consumer_info(STREAM, self._durable)
        if info.delivered is not None:
            await self._fill(info.delivered.stream_seq)
            self._deliveries = info.delivered.consumer_seq
        while True:
            try:
                messages = await subscription.fetch(FETCH_EVENTS, timeout=FETCH_SECONDS)
            except TimeoutError:
                continue
            await self._take(messages)

    async def _take(self, messages: Sequence[Msg]) -> None:
        for message in messages:
            delivery = message.metadata.sequence
            if delivery.consumer != self._deliveries + 1:
                # Deliveries are counted: what we did not get, somebody else got, or nobody.
                await self._fill(delivery.stream - 1)
            self._deliveries = delivery.consumer
        self._ledger.apply([json.loads(message.data) for message in messages])
        for message in messages:
            await message.ack()

    async def _fill(self, position: int) -> None:
        """Everything up to a position has had its effect, wherever it came from."""
        while self._ledger.position < position:
            found = await asyncio.to_thread(page, self._ledger.position)
            self._ledger.apply(found["items"], up_to=found["next_after"])


async def main() -> None:
    """Until it is stopped, in whatever way: the next start goes on where this one was."""
    key = os.environ["MILEPOST_API_KEY"]
    durable = key.split("_")[1]
    ledger = Ledger(Path(sys.argv[1]))
    while True:
        try:
            connection = await nats.connect(
                os.environ["MILEPOST_NATS_URL"],
                token=key,
                inbox_prefix=f"_INBOX_{durable}".encode(),
                allow_reconnect=False,
            )
            try:
                await Consumer(connection.jetstream(prefix=API), durable, ledger).run()
            finally:
                await connection.close()
        except (Error, OSError) as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            await asyncio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    asyncio.run(main())

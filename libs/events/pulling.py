"""Pull events from the stream, from a position on, with demand that never runs dry.

The durable consumer is flow control and nothing else: it acknowledges nothing, and is made anew at the
checkpoint whenever there is doubt. What it delivers out of order or not at all, the reader notices by position.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from libs.events import jetstream

DEMAND_EVENTS = 2_000
DEMAND_BYTES = 16 * 1024 * 1024
EXPIRES_SECONDS = 4.0
SILENCE_SECONDS_MAX = 10.0

Read = TypeVar("Read")


class PullLost(Exception):
    """The consumer is gone, or silent for too long: begin again at the checkpoint."""


class Pull(Generic[Read]):
    """A flow of `(sequence, what was read)` from one durable consumer.

    `read` makes something of a body and its sequence as it arrives, while whoever takes it waits for their database.
    """

    def __init__(self, client: Client, durable: str, read: Callable[[bytes, int], Read]) -> None:
        self._client = client
        self._durable = durable
        self._read = read
        self._now = asyncio.get_running_loop().time
        self._received: deque[tuple[int, Read]] = deque()
        self._arrived = asyncio.Event()
        self._outstanding = 0
        self._lost: str | None = None
        self._heard_at = 0.0
        self._connections_before = 0
        self._inbox = ""
        self._subscription: Subscription | None = None
        self.pending = 0
        """Events in the stream behind the last one received."""

    async def start(self, after: int) -> None:
        """Make the durable anew so that the first event delivered is the one behind `after`."""
        await self.stop()
        self._received.clear()
        self._lost, self._outstanding, self._heard_at = None, 0, self._now()
        self._connections_before = self._client.stats["reconnects"]
        await self._remove_consumer()
        await jetstream.request(
            self._client,
            f"CONSUMER.CREATE.{jetstream.STREAM}.{self._durable}",
            {"stream_name": jetstream.STREAM, "config": self._configuration(after), "action": "create"},
        )
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def stop(self) -> None:
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def take(self, most: int, seconds: float) -> list[tuple[int, Read]]:
        """Everything received, up to `most`; waits up to `seconds` for the first. Raises `PullLost`."""
        await self._demand()
        if not self._received:
            self._arrived.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                pass
        if not self._received:
            self._check_alive()
        return [self._received.popleft() for _ in range(min(most, len(self._received)))]

    def _check_alive(self) -> None:
        if self._lost is not None:
            raise PullLost(self._lost)
        if self._client.stats["reconnects"] != self._connections_before:
            raise PullLost("the connection was lost, and with it what had been asked for")
        if self._now() - self._heard_at > SILENCE_SECONDS_MAX:
            raise PullLost(f"nothing heard for {SILENCE_SECONDS_MAX} seconds")

    async def _demand(self) -> None:
        """Ask for more before the last request is used up, so that fetching overlaps with applying."""
        missing = DEMAND_EVENTS - self._outstanding - len(self._received)
        if missing < DEMAND_EVENTS // 2:
            return
        self._outstanding += missing
        expires = int(EXPIRES_SECONDS * 1_000_000_000)
        wish = f'{{"batch":{missing},"max_bytes":{DEMAND_BYTES},"expires":{expires}}}'
        await self._client.publish(
            f"{jetstream.IMPORTED_API}.CONSUMER.MSG.NEXT.{jetstream.STREAM}.{self._durable}",
            wish.encode(),
            reply=self._inbox,
        )

    async def _receive(self, message: Msg) -> None:
        self._heard_at = self._now()
        if message.reply:
            self._outstanding -= 1
            tokens = message.reply.split(".")
            self.pending = int(tokens[-1])
            sequence = int(tokens[-4])
            self._received.append((sequence, self._read(message.data, sequence)))
        else:
            self._note_status(message.headers or {})
        self._arrived.set()

    def _note_status(self, headers: dict[str, str]) -> None:
        """A request ended before its last event: 408 and some 409 are ordinary, the rest ends the flow."""
        status, description = headers.get("Status", ""), headers.get("Description", "")
        undelivered = headers.get("Nats-Pending-Messages")
        if undelivered is not None:
            self._outstanding = max(0, self._outstanding - int(undelivered))
        elif status != "100":
            self._lost = f"{status} {description}"

    async def _remove_consumer(self) -> None:
        try:
            await jetstream.request(self._client, f"CONSUMER.DELETE.{jetstream.STREAM}.{self._durable}")
        except jetstream.ApiError as error:
            if error.code != jetstream.CONSUMER_NOT_FOUND:
                raise

    def _configuration(self, after: int) -> dict[str, object]:
        return {
            "name": self._durable,
            "durable_name": self._durable,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "ack_policy": "none",
            "max_waiting": 16,
            "metadata": {"generation": uuid4().hex},
        }

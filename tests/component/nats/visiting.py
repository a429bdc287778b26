"""Users of the server under test, who note what it refuses them."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.events.jetstream import API, IMPORTED_API

# They live in the account of the stream.
WRITERS = ("relay", "keeper")


@dataclass
class Visitor:
    """A user of nats.conf connected to the server, who notes what the server refuses."""

    user: str
    client: Client
    api: str
    refusals: list[str] = field(default_factory=list)

    async def ask(self, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the JetStream API; returns its answer, errors included."""
        payload = b"" if body is None else json.dumps(body).encode()
        reply = await self.client.request(f"{self.api}.{verb}", payload, timeout=2)
        answer: dict[str, Any] = json.loads(reply.data)
        return answer

    async def may_publish(self, subject: str, body: bytes = b"") -> bool:
        """False if the server refuses it, which it says before it answers the ping behind it."""
        known = len(self.refusals)
        await self.client.publish(subject, body)
        await self.settle()
        return len(self.refusals) == known

    async def may_subscribe(self, subject: str, queue: str = "") -> bool:
        known = len(self.refusals)
        subscription = await self.client.subscribe(subject, queue=queue)
        await self.settle()
        if refused := len(self.refusals) > known:
            return not refused
        await subscription.unsubscribe()
        return True

    async def settle(self) -> None:
        """Until the server answered what was sent. Twice: a ping overtakes what the client still buffers."""
        await self.client.flush()
        await self.client.flush()

    async def pull(self, durable: str, messages: int) -> list[Msg]:
        """Ask the durable for so many messages and wait for all of them."""
        inbox = self.client.new_inbox()
        arrived: asyncio.Queue[Msg] = asyncio.Queue(messages)
        subscription = await self.client.subscribe(inbox, cb=arrived.put)
        wish = json.dumps({"batch": messages, "expires": 2_000_000_000}).encode()
        await self.client.publish(f"{self.api}.CONSUMER.MSG.NEXT.PROJECTS.{durable}", wish, reply=inbox)
        async with asyncio.timeout(2):
            received = [await arrived.get() for _ in range(messages)]
        await subscription.unsubscribe()
        return received


async def visit(url: str, user: str) -> Visitor:
    refusals: list[str] = []

    async def note(error: Exception) -> None:
        refusals.append(str(error))

    client = await nats.connect(url, inbox_prefix=f"_INBOX_{user}".encode(), error_cb=note)
    return Visitor(user, client, API if user in WRITERS else IMPORTED_API, refusals)

"""A NATS client as the library offers it, as far as Milepost uses it; it reconnects by itself, for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import nats.errors
from nats.aio.msg import Msg

from tests.simulation.loop import Link, Process
from tests.simulation.network import Wire, answer

if TYPE_CHECKING:
    from tests.simulation.broker.server import SimulatedNats

RECONNECT_SECONDS = 0.2
NAME = "broker"
Callback = Callable[[Msg], Awaitable[None]]


class SimulatedClient(Link):
    """Sends in order, receives in order, loses what is under way when its connection breaks."""

    def __init__(self, server: "SimulatedNats", process: Process, name: str) -> None:
        self._server = server
        self.process = process
        self._loop = server.network.loop
        self._name = name
        self._inboxes = count(1)
        self.callbacks: dict[str, Callback] = {}
        self._requests: dict[str, asyncio.Future[Msg]] = {}
        self._connected = asyncio.Event()
        self._is_first = True
        self.is_closed = False
        self.stats = {"reconnects": 0}
        self._there = self._back = Wire(server.network, process, NAME)
        process.links[self] = None
        self._connect_after(server.network.seconds(NAME))

    # --- What the library offers ---

    def new_inbox(self) -> str:
        return f"_INBOX_{self._name}.{next(self._inboxes)}"

    async def publish(
        self, subject: str, payload: bytes, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        if not self._connected.is_set():
            raise nats.errors.OutboundBufferLimitError
        self._there.send(self._server.receive, self, subject, payload, reply, headers)

    async def request(
        self, subject: str, payload: bytes, timeout: float, headers: dict[str, str] | None = None
    ) -> Msg:
        inbox = self.new_inbox()
        future: asyncio.Future[Msg] = self._loop.create_future()
        self._requests[inbox] = future
        try:
            await self.publish(subject, payload, inbox, headers)
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        finally:
            del self._requests[inbox]

    async def subscribe(self, subject: str, cb: Callback, **limits: int) -> "SimulatedSubscription":
        self.callbacks[subject] = cb
        return SimulatedSubscription(self, subject)

    def unsubscribe(self, subject: str) -> None:
        self.callbacks.pop(subject, None)

    async def close(self) -> None:
        self.abandon()

    # --- Connections come and go ---

    def abandon(self) -> None:
        self.is_closed = True
        self._back.is_cut = True
        self._server.clients.pop(self, None)
        self.process.links.pop(self, None)

    async def is_connected_now(self) -> None:
        await self._connected.wait()

    def lose_connection(self) -> None:
        self._there.is_cut = self._back.is_cut = True
        if self._connected.is_set():
            self._connected.clear()
            self._connect_after(RECONNECT_SECONDS)

    def _connect_after(self, seconds: float) -> None:
        self._loop.call_later(seconds, self._try_to_connect, context=self._loop.world)

    def _try_to_connect(self) -> None:
        is_cut_off = self.process.cut_off_until.get(NAME, 0.0) > self._loop.time()
        if self.is_closed:
            return
        if not self._server.is_up or is_cut_off or self.process.is_frozen:
            self._connect_after(RECONNECT_SECONDS)
            return
        self._there = Wire(self._server.network, self.process, NAME)
        self._back = Wire(self._server.network, self.process, NAME)
        self.stats["reconnects"] += not self._is_first
        self._is_first = False
        self._connected.set()

    # --- What arrives ---

    def send_back(self, inbox: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        """Send a message from the server to this client."""
        for _ in range(self._server.copies(is_event=bool(reply))):
            self._back.send(self._receive, inbox, reply, data, headers)

    def _receive(self, inbox: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        message = Msg(self, inbox, reply, data, headers)  # type: ignore[arg-type]
        if future := self._requests.get(inbox):
            answer(future, message)
        elif callback := self.callbacks.get(inbox):
            self.process.call(_run, callback, message)


class SimulatedSubscription:
    """What `subscribe` returns."""

    def __init__(self, client: SimulatedClient, subject: str) -> None:
        self._client = client
        self._subject = subject

    async def unsubscribe(self) -> None:
        self._client.unsubscribe(self._subject)


def _run(callback: Callback, message: Msg) -> None:
    """Callbacks of the pull wait for nothing, so that a task for each would be waste."""
    waiting: Any = callback(message)
    try:
        waiting.send(None)
    except StopIteration:
        return
    raise AssertionError("a callback waited")

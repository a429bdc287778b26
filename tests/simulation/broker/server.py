"""A NATS server in memory and the clients it knows, with everything that may befall them."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any, cast

from nats.aio.client import Client

from libs.events import jetstream
from tests.simulation.broker.client import SimulatedClient
from tests.simulation.broker.stream import (
    BATCH_INCOMPLETE,
    Headers,
    JetStream,
    Message,
    Refused,
    Request,
    Stream,
)
from tests.simulation.loop import Process, this_process
from tests.simulation.network import Network

NAME = "broker"
PREFIXES = (f"{jetstream.API}.", f"{jetstream.IMPORTED_API}.")
PULL = f"CONSUMER.MSG.NEXT.{jetstream.STREAM}."


class SimulatedNats:
    """`mischief` is the share of delivered messages that is dropped, sent twice or sent too late."""

    def __init__(self, network: Network, chance: Random) -> None:
        self.network = network
        self.store = JetStream()
        self.is_up = True
        self.mischief = 0.0
        self.is_losing_everything = False
        """Whether no event that is delivered arrives."""
        self._chance = chance
        self.clients: dict[SimulatedClient, None] = {}
        self._batches: dict[str, list[Message]] = {}
        self._fences: dict[str, int | None] = {}
        self._is_due = False

    async def connect(self, url: str, name: str) -> Client:
        """Connect this process; waits until the server is there."""
        client = SimulatedClient(self, this_process(), name)
        self.clients[client] = None
        await client.is_connected_now()
        return cast("Client", client)

    # --- What arrives from clients ---

    def receive(
        self, client: SimulatedClient, subject: str, body: bytes, reply: str, headers: Headers | None
    ) -> None:
        prefix = next((each for each in PREFIXES if subject.startswith(each)), None)
        if prefix is None:
            self._receive_event(client, subject, body, reply, headers or {})
            return
        verb = subject.removeprefix(prefix)
        if verb.startswith(PULL):
            self._receive_pull(client, verb.removeprefix(PULL), json.loads(body), reply)
            return
        try:
            answer = self.store.answer(verb, json.loads(body) if body else {})
        except Refused as refused:
            answer = _error(refused)
        client.send_back(reply, "", json.dumps(answer).encode(), None)
        self.serve_soon()

    def _receive_pull(self, client: SimulatedClient, durable: str, wish: dict[str, int], inbox: str) -> None:
        expires_at = self.network.loop.time() + wish["expires"] / 1e9
        self.store.request_more(durable, Request(inbox, wish["batch"], expires_at, client.send_back))
        self.network.loop.call_at(expires_at, self.serve_soon, context=self.network.loop.world)
        self.serve_soon()

    def _receive_event(
        self, client: SimulatedClient, subject: str, body: bytes, reply: str, headers: Headers
    ) -> None:
        batch = headers.get("Nats-Batch-Id")
        if batch is None:
            self._store(client, [(subject, body)], _fence(headers), reply)
            return
        collected = self._batches.setdefault(batch, [])
        if "Nats-Expected-Last-Sequence" in headers:
            self._fences[batch] = _fence(headers)
        collected.append((subject, body))
        if "Nats-Batch-Commit" in headers:
            messages, fence = self._batches.pop(batch), self._fences.pop(batch, None)
            is_whole = len(messages) == int(headers["Nats-Batch-Sequence"])
            self._store(client, messages if is_whole else [], fence, reply)

    def _store(
        self, client: SimulatedClient, messages: Sequence[Message], fence: int | None, reply: str
    ) -> None:
        try:
            if not messages:
                raise Refused(BATCH_INCOMPLETE, "batch publish sequence is missing")
            answer: dict[str, Any] = {"seq": self.store.publish(list(messages), fence)}
        except Refused as refused:
            answer = _error(refused)
        client.send_back(reply, "", json.dumps(answer).encode(), None)
        self.serve_soon()

    def serve_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.network.loop.call_soon(self._serve, context=self.network.loop.world)

    def _serve(self) -> None:
        self._is_due = False
        if self.is_up:
            self.store.serve(self.network.loop.time())

    def copies(self, is_event: bool) -> int:
        """How often a message is sent to its client: once, unless mischief is at work."""
        if is_event and self.is_losing_everything:
            return 0
        if not is_event or not self.mischief or self._chance.random() > self.mischief:
            return 1
        return self._chance.choice((0, 2))

    # --- What befalls it ---

    def cut_clients(self, process: Process | None = None) -> None:
        """Break every connection, or those of one process; what is under way is lost, clients connect again."""
        for client in list(self.clients):
            if process is None or client.process is process:
                client.lose_connection()

    def forget_subscriptions(self, process: Process) -> None:
        """Send a process nothing it subscribed to, and never say so."""
        for client in self.clients:
            if client.process is process:
                client.callbacks.clear()

    def go_down(self) -> None:
        self.is_up = False
        self.cut_clients()
        self._batches.clear()
        self.store.forget_requests()

    def come_up(self, store: Stream | None) -> None:
        """Start with what the disk holds now: the same as before, nothing, or an older copy."""
        self.store.stream = store
        self.is_up = True


def _fence(headers: Headers) -> int | None:
    expected = headers.get("Nats-Expected-Last-Sequence")
    return None if expected is None else int(expected)


def _error(refused: Refused) -> dict[str, Any]:
    return {"error": {"code": 400, "err_code": refused.code, "description": refused.description}}

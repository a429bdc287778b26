"""Receivers of webhooks behind a simulated HTTP client: honest, slow, broken or gone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx2

from tests.simulation.loop import Process, this_process
from tests.simulation.network import Network

NAME = "receivers"
MISBEHAVIORS = ("refuses", "redirects", "overloaded", "silent", "unreachable", "answer lost", "slow")
PICKY = "picky"
STATUSES = {"refuses": 500, "redirects": 302, "overloaded": 503, "gone": 410}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request that a receiver has read, and whether it said 2xx; a silent one says nothing."""

    webhook_id: str
    body: bytes
    headers: dict[str, str]
    is_accepted: bool


class Receivers:
    """Every receiver by its URL, and what each has received, in order."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.behaviors: dict[str, str] = {}
        self.receipts: dict[str, list[Receipt]] = {}
        self._disliked: dict[str, str] = {}
        """The one webhook that a picky receiver refuses however often it comes."""

    def stream(self, method: str, url: Any, *, content: bytes, headers: dict[str, str]) -> "Exchange":
        return Exchange(self, str(url), content, headers)

    async def aclose(self) -> None:
        """A client of httpx is closed at the end."""

    def misbehave(self, url: str, behavior: str) -> None:
        self.behaviors[url] = behavior

    def behave(self, url: str) -> None:
        self.behaviors.pop(url, None)
        self._disliked.pop(url, None)

    def receive(self, url: str, behavior: str, body: bytes, headers: dict[str, str]) -> int:
        """What a receiver that behaves so answers to what has arrived."""
        webhook_id = headers["webhook-id"]
        status = STATUSES.get(behavior, 204)
        if behavior == PICKY and self._disliked.setdefault(url, webhook_id) == webhook_id:
            status = 500
        receipt = Receipt(webhook_id, body, headers, is_accepted=status == 204 and behavior != "silent")
        self.receipts.setdefault(url, []).append(receipt)
        return status


class Exchange:
    """`async with client.stream(…) as response`."""

    def __init__(self, receivers: Receivers, url: str, body: bytes, headers: dict[str, str]) -> None:
        self._receivers = receivers
        self._url = url
        self._body = body
        self._headers = headers
        self._process: Process = this_process()

    async def __aenter__(self) -> "Response":
        behavior = self._receivers.behaviors.get(self._url, "honest")
        network = self._receivers.network
        await asyncio.sleep(network.seconds(NAME) * (50 if behavior == "slow" else 1))
        if behavior == "unreachable" or self._process.is_dead:
            raise httpx2.ConnectError("connection refused")
        status = self._receivers.receive(self._url, behavior, self._body, self._headers)
        if behavior == "silent":
            await asyncio.sleep(3_600)
        await asyncio.sleep(network.seconds(NAME))
        if behavior == "answer lost":
            raise httpx2.ReadError("connection reset")
        return Response(status, {"retry-after": "2"} if behavior == "overloaded" else {})

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The connection goes back to its pool."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as httpx gives it."""

    status_code: int
    headers: dict[str, str]

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        yield b"thanks"

"""A real webhook receiver on loopback: it verifies what it gets, remembers it, and misbehaves when told to."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from standardwebhooks import Webhook

from libs.chassis.clock import Clock, utc_now
from services.notifications.channels.webhooks.jobs import CHALLENGE_TYPE

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Answer = Callable[[Send], Awaitable[None]]
TOLERANCE = timedelta(minutes=5)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status; names of headers with underscores for hyphens."""

    async def answer(send: Send) -> None:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": code, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return answer


async def drip(send: Send) -> None:
    """Accept, then send the body so slowly that it never ends."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b".", "more_body": True})
        await asyncio.sleep(0.05)


async def silence(send: Send) -> None:
    """Say nothing at all."""
    await asyncio.Event().wait()


async def hang_up(send: Send) -> None:
    """Promise more than what comes, then close."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
    raise ConnectionAbortedError


async def flood(send: Send) -> None:
    """Accept with far more of an answer than anybody could read in time."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    with contextlib.suppress(OSError):
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Receipt:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


OK = status(204)


@dataclass
class Receiver:
    """`answer` decides what every request gets, but at the paths in `answers`; `receipts` are all in order of arrival.

    Challenges are echoed, whatever the answer, as long as it `proves_itself`; they are kept apart.
    """

    port: int
    clock: Clock = utc_now
    answer: Answer = OK
    answers: dict[str, Answer] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    challenges: list[Receipt] = field(default_factory=list)
    proves_itself: bool = True
    secrets: dict[str, str] = field(default_factory=dict)
    """Signing secrets by path: where there is one, a request that does not verify is answered 401."""

    def url(self, path: str = "/hooks") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ids(self, path: str = "/hooks") -> list[str]:
        return [receipt.webhook_id for receipt in self.receipts if receipt.path == path]

    def first_receipts(self, path: str = "/hooks") -> list[str]:
        return list(dict.fromkeys(self.ids(path)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        receipt = Receipt(scope["path"], headers, body)
        answer = self.answers.get(receipt.path, self.answer)
        if receipt.event["type"] != CHALLENGE_TYPE:
            self.receipts.append(receipt)
        else:
            self.challenges.append(receipt)
            if self.proves_itself:
                answer = status(200, receipt.event["data"]["challenge"].encode())
        secret = self.secrets.get(receipt.path)
        if secret is not None and not is_signed(secret, headers, body, self.clock()):
            answer = status(401)
        await answer(send)


def is_signed(secret: str, headers: dict[str, str], body: bytes, now: datetime) -> bool:
    """What `Webhook.verify` checks, but by the clock of the test instead of the wall's."""
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = Webhook(secret).sign(headers["webhook-id"], sent_at, body.decode())
    return abs(now - sent_at) <= TOLERANCE and expected in headers["webhook-signature"].split()


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port of loopback as long as the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(listener.getsockname()[1])
    config = uvicorn.Config(
        receiver, lifespan="off", log_level="critical", timeout_graceful_shutdown=0, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server._serve([listener]))  # noqa: SLF001
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    try:
        yield receiver
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        listener.close()

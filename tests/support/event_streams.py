"""A reader of server-sent events that speaks to an application in this process, or to a real one over a socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from tests.support.eventually import eventually

PATH = "/v1/events/stream"


@dataclass(frozen=True)
class Frame:
    """One frame; `event` is `message` where it names none, as for a browser."""

    id: int | None
    event: str
    data: Any


@dataclass
class Listener:
    """What a reader has got so far. In-process it reads nothing while `is_reading` is cleared."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    retry_milliseconds: int | None = None
    is_over: bool = False
    is_reading: asyncio.Event = field(default_factory=asyncio.Event)
    _text: str = ""

    def __post_init__(self) -> None:
        self.is_reading.set()

    @property
    def events(self) -> list[Any]:
        """The CloudEvents."""
        return [frame.data for frame in self.frames if frame.event == "message"]

    @property
    def positions(self) -> list[int]:
        return [event["position"] for event in self.events]

    @property
    def last_id(self) -> int:
        """What a browser would come back with."""
        return next(frame.id for frame in reversed(self.frames) if frame.id is not None)

    @property
    def reason(self) -> str | None:
        """Why the stream ended; `None` while it has not."""
        last = self.frames[-1] if self.frames else None
        return last.data["reason"] if last and last.event == "end" else None

    def hear(self, text: str) -> None:
        whole, _, self._text = (self._text + text).rpartition("\n\n")
        for block in filter(None, whole.split("\n\n")):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            if "retry" in fields:
                self.retry_milliseconds = int(fields["retry"])
            if "data" in fields:
                event_id = int(fields["id"]) if "id" in fields else None
                self.frames.append(
                    Frame(event_id, fields.get("event", "message"), json.loads(fields["data"]))
                )

    async def has_begun(self) -> None:
        """Wait for the opening frame: from there on nothing is missed."""

        def begun() -> None:
            assert self.frames or self.status >= 400

        await eventually(begun)

    async def has_heard(self, count: int, seconds: float = 20) -> None:
        def heard() -> None:
            assert len(self.positions) >= count, f"{len(self.positions)} of {count}"

        await eventually(heard, seconds)

    async def has_ended(self, seconds: float = 20) -> str | None:
        """Wait for the end; the reason the last frame gave."""

        def ended() -> None:
            assert self.is_over

        await eventually(ended, seconds)
        return self.reason


@asynccontextmanager
async def listening(app: Any, headers: Mapping[str, str], **parameters: Any) -> AsyncIterator[Listener]:
    """A stream of an ASGI application; the reader leaves at the end of the body."""
    listener, leaving = Listener(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await listener.is_reading.wait()
        if message["type"] == "http.response.start":
            listener.status = message["status"]
            listener.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif listener.status == 200:
            listener.hear(message.get("body", b"").decode())
        else:
            listener.problem = json.loads(message["body"])

    running = asyncio.create_task(_answer(app, _scope(headers, parameters), receive, send, listener))
    try:
        yield listener
    finally:
        leaving.set()
        listener.is_reading.set()
        await asyncio.wait([running], timeout=5)
        running.cancel()


async def _answer(
    app: Any, scope: Any, receive: Callable[..., Any], send: Callable[..., Any], listener: Listener
) -> None:
    try:
        await app(scope, receive, send)
    finally:
        listener.is_over = True


def _scope(headers: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": urlencode(parameters, doseq=True).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("projects", 80),
    }


@asynccontextmanager
async def connected(
    base_url: str, token: str, headers: Mapping[str, str] | None = None, **parameters: Any
) -> AsyncIterator[Listener]:
    """A stream over HTTP; the listener is over when the server has ended it or is gone."""
    listener = Listener()
    fields = {"Authorization": f"Bearer {token}", **(headers or {})}
    running = asyncio.create_task(_read(base_url, fields, parameters, listener))
    try:
        yield listener
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=5)


async def _read(
    base_url: str, headers: Mapping[str, str], parameters: Mapping[str, Any], listener: Listener
) -> None:
    url = f"http://{urlsplit(base_url).netloc}{PATH}"
    try:
        async with (
            httpx2.AsyncClient(timeout=httpx2.Timeout(30), trust_env=False) as client,
            client.stream("GET", url, params=dict(parameters), headers=dict(headers)) as response,
        ):
            listener.status = response.status_code
            listener.headers = dict(response.headers)
            async for text in response.aiter_text():
                listener.hear(text)
    except httpx2.HTTPError:
        pass  # The server is gone, or was killed: what was heard so far counts.
    finally:
        listener.is_over = True

"""Readers of the stream of events: a process of its own that holds many connections open and counts what arrives.

A plan comes in on standard input as JSON; `ready` goes out when every stream has begun, then what was heard.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

import uvloop

from tests.bench.pressure import request

BEGUN = b"event: ping"
EVENT = b'\ndata: {"specversion"'
TIME = b'"time":"'
TIME_CHARACTERS = len("2030-01-01T00:00:00.000000Z")
# Of so many readers each delay is taken; the others only count.
TIMED_READERS = 10
SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A reader for each token, each of whom waits for so many events."""

    host: str
    port: int
    tokens: Sequence[str]
    events: int


@dataclass(frozen=True, slots=True)
class Heard:
    """`delays` are seconds from recording to arrival, sorted; `ended` is an instant of the monotonic clock."""

    delivered: int
    ended: float
    delays: list[float]


@contextmanager
def readers(plan: Plan) -> Iterator["subprocess.Popen[str]"]:
    """The process, once all streams have begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.listening"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(plan)) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n", "the readers did not get their streams"
        yield process
    finally:
        process.kill()
        process.wait()


def heard(process: "subprocess.Popen[str]") -> Heard:
    """What was heard, as soon as every reader has everything; blocking."""
    told, _ = process.communicate(timeout=SECONDS_MAX)
    return Heard(**json.loads(told))


class Reader(asyncio.Protocol):
    """One stream. Counts events, and times them where it is asked to."""

    def __init__(self, token: str, events: int, *, is_timing: bool) -> None:
        self._request = request("GET", "/v1/events/stream", token=token).encode()
        self._events = events
        self._is_timing = is_timing
        self._rest = b""
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.count = 0
        self.delays: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        received = self._rest + data
        if BEGUN in received and not self.begun.done():
            self.begun.set_result(None)
        if self._is_timing:
            self._time(received)
        self.count += received.count(EVENT)
        # What may be the beginning of the next mark is looked at again, and nothing twice.
        last = received.rfind(b"\n")
        self._rest = received[last:] if last >= 0 and len(received) - last < len(EVENT) else b""
        if self.count >= self._events and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        for waited in (self.begun, self.done):
            if not waited.done():
                waited.set_exception(ConnectionError("the stream ended"))

    def _time(self, received: bytes) -> None:
        now, start = time.time(), 0
        while (start := received.find(TIME, start)) >= 0:
            start += len(TIME)
            text = received[start : start + TIME_CHARACTERS].decode()
            if len(text) == TIME_CHARACTERS:
                self.delays.append(now - datetime.fromisoformat(text).timestamp())


async def listen(plan: Plan) -> Heard:
    loop = asyncio.get_running_loop()
    connections = [
        Reader(token, plan.events, is_timing=number < TIMED_READERS)
        for number, token in enumerate(plan.tokens)
    ]
    for reader in connections:
        await loop.create_connection(lambda reader=reader: reader, plan.host, plan.port)  # type: ignore[misc]
    async with asyncio.timeout(SECONDS_MAX):
        await asyncio.gather(*(reader.begun for reader in connections))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.gather(*(reader.done for reader in connections))
    return Heard(
        delivered=sum(reader.count for reader in connections),
        ended=time.monotonic(),
        delays=sorted(delay for reader in connections for delay in reader.delays),
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(asdict(runner.run(listen(Plan(**json.loads(sys.stdin.readline())))))))

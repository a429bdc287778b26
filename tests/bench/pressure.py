"""The load generator: a process of its own that keeps requests in flight on keep-alive connections, and little else.

Requests are bytes made beforehand; of a response it reads what tells it apart from the next one. A plan comes in on
standard input as JSON, what was measured goes out the same way.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle
from typing import cast

import uvloop

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
POSITION = b"milepost-position: "
GRACE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send where for how long: `connections` holds the requests each connection sends over and over.

    With a `rate` all of them together send so many a second, and none before it has its last answer.
    """

    host: str
    port: int
    seconds: float
    connections: Sequence[Sequence[str]]
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of it. `positions` are those the answers named; instants are of the monotonic clock."""

    requests: int
    refused: int
    started: float
    ended: float
    latencies: list[float]
    positions: list[int]
    processor_seconds: float

    @property
    def seconds(self) -> float:
        """From the first request to the last answer."""
        return self.ended - self.started

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def press(plan: Plan) -> Pressed:
    """Carry out a plan in a process of its own; blocking."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.pressure"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=False,
        timeout=plan.seconds + 2 * GRACE_SECONDS,
    )
    if process.returncode != 0:
        raise RuntimeError(f"the load generator failed: {process.stderr[-2000:]}")
    return Pressed(**json.loads(process.stdout))


def request(
    method: str, path: str, body: str = "", token: str | None = None, headers: Sequence[str] = ()
) -> str:
    """One HTTP/1.1 request as it goes over the wire, in ASCII."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *headers]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body])


class Connection(asyncio.Protocol):
    """One connection, one request in flight; the next one leaves when the answer is there and its time has come.

    The first request is due after `delay_seconds`, each further one `interval_seconds` after that was due.
    """

    def __init__(
        self, requests: Sequence[bytes], until: float, delay_seconds: float = 0, interval_seconds: float = 0
    ) -> None:
        self._requests: Iterator[bytes] = cycle(requests)
        self._until = until
        self._interval_seconds = interval_seconds
        self._due_at = time.monotonic() + delay_seconds
        self._received = b""
        self._sent_at = 0.0
        self.latencies: list[float] = []
        self.positions: list[int] = []
        self.refusals: list[str] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send_in_time()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(END_OF_HEAD)
        if end < 0 or len(received) < end + 4 + number_after(LENGTH, received, end):
            self._received = received
            return
        self._received = b""
        now = time.monotonic()
        self.latencies.append(now - self._sent_at)
        if received[9:10] != b"2":
            self.refusals.append(received[: end + 1000].decode(errors="replace"))
        elif position := number_after(POSITION, received, end):
            self.positions.append(position)
        if now < self._until:
            self._send_in_time()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _send_in_time(self) -> None:
        early_seconds = self._due_at - time.monotonic()
        self._due_at += self._interval_seconds
        if early_seconds > 0:
            asyncio.get_running_loop().call_later(early_seconds, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._sent_at = time.monotonic()
        self._transport.write(next(self._requests))


def number_after(name: bytes, received: bytes, end: int) -> int:
    """The value of a header that is a number; 0 where it is not among the headers."""
    start = received.find(name, 0, end)
    if start < 0:
        return 0
    return int(received[start + len(name) : received.find(b"\r", start, end + 1)])


def _same(connection: Connection) -> Connection:
    return connection


async def carry_out(plan: Plan) -> Pressed:
    loop = asyncio.get_running_loop()
    started, processor = time.monotonic(), time.process_time()
    until = started + plan.seconds
    connections: list[Connection] = []
    share = 1 / plan.rate if plan.rate else 0.0
    for number, texts in enumerate(plan.connections):
        requests = [text.encode() for text in texts]
        connection = Connection(requests, until, number * share, len(plan.connections) * share)
        await loop.create_connection(partial(_same, connection), plan.host, plan.port)
        connections.append(connection)
    async with asyncio.timeout(plan.seconds + GRACE_SECONDS):
        await asyncio.gather(*(connection.done for connection in connections))
    refusals = [refusal for connection in connections for refusal in connection.refusals]
    if refusals:
        sys.stderr.write(f"{len(refusals)} refused, the first one: {refusals[0]}\n")
    latencies = [latency for connection in connections for latency in connection.latencies]
    return Pressed(
        requests=len(latencies),
        refused=len(refusals),
        started=started,
        ended=time.monotonic(),
        latencies=sorted(latencies),
        positions=[position for connection in connections for position in connection.positions],
        processor_seconds=time.process_time() - processor,
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(asdict(runner.run(carry_out(Plan(**json.load(sys.stdin)))))))

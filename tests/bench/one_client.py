"""One client with one request at a time over a blocking socket: what a caller waits for, and little beside it."""

import socket
import time
from dataclasses import dataclass
from types import TracebackType

from deploy.local.ports import LOOPBACK
from tests.bench.pressure import END_OF_HEAD, LENGTH, POSITION, number_after

RECEIVED_BYTES_MAX = 65_536
SILENCE_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`at` is the instant of the monotonic clock at which its last byte was there."""

    status: int
    position: int
    body: bytes
    at: float


class OneClient:
    """A keep-alive connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=SILENCE_SECONDS_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: str) -> Answer:
        """Send a request and read its answer; raises AssertionError unless it was granted."""
        self._socket.sendall(request.encode())
        received, end = b"", -1
        while end < 0 or len(received) < end + 4 + number_after(LENGTH, received, end):
            part = self._socket.recv(RECEIVED_BYTES_MAX)
            assert part, f"the connection was closed after {received!r}"
            received += part
            end = received.find(END_OF_HEAD)
        at = time.monotonic()
        status = int(received[9:12])
        assert status < 300, received.decode(errors="replace")
        return Answer(status, number_after(POSITION, received, end), received[end + 4 :], at)

    def __enter__(self) -> "OneClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

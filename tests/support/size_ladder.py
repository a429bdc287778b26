"""Requests of every size a client could think of, and slow ones.

Bytes go over plain sockets, since no client library would send most of it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

KIB, MIB = 1_024, 1_024 * 1_024
PIECE = b" " * (64 * KIB)
ANSWER_SECONDS_MAX = 30.0
AT_ONCE = 8
# A connection that was closed before its answer could be read, as happens to senders who do not stop.
CUT = 0
# What is small enough is looked at, and answered as the path and its forms have it.
TOO_LARGE = frozenset({405, 413, CUT})
LOOKED_AT = frozenset({200, 201, 400, 401, 404, 405, 409, 415, 422})
# Of each service a path that takes JSON, and the one that takes much more of it.
POSTS = {
    "projects": ("/v1/projects", "/v1/imports"),
    "timeline": ("/v1/timeline/projects", None),
    "notifications": ("/v1/notifications/subscriptions", None),
}
SLOW_HEADS, SLOW_BODIES = 250, 250
BODY_BYTES_MAX = 256 * KIB
BODY_BYTES = (
    *(0, 1, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 128 * KIB, BODY_BYTES_MAX - 1, BODY_BYTES_MAX),
    *(BODY_BYTES_MAX + 1, 512 * KIB, MIB, 10 * MIB, 100 * MIB),
)
DEPTHS = (1, 2, 8, 16, 31, 32, 33, 64, 100, 1_000, 3_000, 10_000, 50_000, 100_000)
ITEMS = (0, 1, 100, 2_000, 9_999, 10_000, 10_001, 100_000)


class Rung(NamedTuple):
    """One request: its head, the pieces of its body, and the statuses that are right answers."""

    name: str
    head: bytes
    body: Callable[[], Iterable[bytes]]
    allowed: frozenset[int]


@dataclass
class Climb:
    """The status of every rung, and those rungs that were answered wrongly."""

    statuses: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def rungs(service: str, token: str) -> Iterator[Rung]:
    """Every size of body, head, URL and structure for one service."""
    post, imports = POSTS[service]
    for size in BODY_BYTES:
        allowed = LOOKED_AT if size <= BODY_BYTES_MAX else TOO_LARGE
        for chunked in (False, True):
            yield _posting(f"body {size}, chunked {chunked}", post, token, size, chunked, allowed)
    if imports is not None:
        for chunked in (False, True):
            yield _posting(f"import, chunked {chunked}", imports, token, 100 * MIB, chunked, {200, 413, CUT})
    for depth in DEPTHS:
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            middle = opening * depth + b"1" + closing * depth
            yield _json(f"depth {depth} of {opening!r}", post, token, middle)
    for items in ITEMS:
        yield _json(f"{items} items", post, token, b'{"name":[' + b",".join([b"1"] * items) + b"]}")
        members = b",".join(b'"a%d":1' % number for number in range(items))
        yield _json(f"{items} members", post, token, b"{" + members + b"}")
    for digits in (19, 400, 5_000, 200_000):
        yield _json(f"{digits} digits", post, token, b'{"name":' + b"9" * digits + b"}")
        yield _json(f"{digits} letters", post, token, b'{"name":"' + b"a" * digits + b'"}')
    yield from _heads(post, token)


def _heads(path: str, token: str) -> Iterator[Rung]:
    for size in (KIB, 16 * KIB, 60 * KIB, 64 * KIB, 65 * KIB, MIB, 10 * MIB):
        allowed = LOOKED_AT if size <= 60 * KIB else {431, CUT}
        head = _head("GET", path, token="none") + b"X-Large: " + b"a" * size + b"\r\n\r\n"
        yield Rung(f"header of {size}", head, list, frozenset(allowed))
    for count in (100, 1_000, 100_000):
        allowed = LOOKED_AT if count <= 1_000 else {431, CUT}
        head = _head("GET", path, token) + b"X-Many: a\r\n" * count + b"\r\n"
        yield Rung(f"{count} headers", head, list, frozenset(allowed))
    for size in (KIB, 15 * KIB, 17 * KIB, 64 * KIB, MIB, 10 * MIB):
        allowed = LOOKED_AT if size <= 15 * KIB else {414, CUT}
        for joint in ("/", "?a="):
            head = _head("GET", f"{path}{joint}{'a' * size}", token) + b"\r\n"
            yield Rung(f"URL of {size} behind {joint}", head, list, frozenset(allowed))


def _posting(name: str, path: str, token: str, size: int, chunked: bool, allowed: Set[int]) -> Rung:
    media_type = "application/x-ndjson" if path.endswith("imports") else "application/json"
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    head = _head("POST", path, token, media_type) + length + b"\r\n\r\n"

    def pieces() -> Iterator[bytes]:
        for start in range(0, size, len(PIECE)):
            piece = PIECE[: min(len(PIECE), size - start)]
            yield b"%x\r\n" % len(piece) + piece + b"\r\n" if chunked else piece
        if chunked:
            yield b"0\r\n\r\n"

    return Rung(name, head, pieces, frozenset(allowed))


def _json(name: str, path: str, token: str, body: bytes) -> Rung:
    head = _head("POST", path, token, "application/json") + b"Content-Length: %d\r\n\r\n" % len(body)
    allowed = LOOKED_AT if len(body) <= BODY_BYTES_MAX else TOO_LARGE
    return Rung(name, head, lambda: [body], frozenset(allowed))


def _head(method: str, path: str, token: str, media_type: str | None = None) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: ladder",
        "Connection: close",
        f"Authorization: Bearer {token}",
    ]
    if media_type:
        lines.append(f"Content-Type: {media_type}")
    return "\r\n".join([*lines, ""]).encode()


async def climb(port: int, steps: Iterable[Rung]) -> Climb:
    """Send every rung, a few at a time."""
    into = Climb()
    turn = asyncio.Semaphore(AT_ONCE)

    async def send(rung: Rung) -> None:
        async with turn:
            status = await answer_to(port, rung.head, rung.body())
        into.statuses[rung.name] = status
        if status not in rung.allowed:
            into.failed.append(f"{rung.name}: {status}")

    await asyncio.gather(*(send(rung) for rung in steps))
    return into


async def answer_to(port: int, head: bytes, body: Iterable[bytes] = ()) -> int:
    """The status of the answer, or `CUT`. Raises `TimeoutError` where there is neither."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return CUT
        try:
            with suppress(ConnectionError):
                writer.write(head)
                await writer.drain()
                for piece in body:
                    writer.write(piece)
                    await writer.drain()
                    # Who is refused need not send the rest.
                    if reader.at_eof():
                        break
            return await _status(reader)
        finally:
            writer.transport.abort()


async def _status(reader: asyncio.StreamReader) -> int:
    try:
        line = await reader.readline()
    except (ConnectionError, ValueError):
        return CUT
    return int(line.split()[1]) if line else CUT


async def slow_clients(port: int, token: str) -> list[tuple[int, float]]:
    """Five hundred at once who never come to the end of what they say; the answer to each, and after how long."""
    path, _ = POSTS["projects"]
    head = _head("POST", path, token)
    body = head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    said = (*[head] * SLOW_HEADS, *[body] * SLOW_BODIES)
    return await asyncio.gather(*(creep(port, each) for each in said))


async def creep(port: int, said: bytes) -> tuple[int, float]:
    """Say something and then a byte now and then, until the server has had enough; its answer, and after how long."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    answering = asyncio.ensure_future(_status(reader))
    try:
        while not answering.done() and time.monotonic() - started < ANSWER_SECONDS_MAX:
            await asyncio.wait([answering], timeout=1.0)
            with suppress(ConnectionError):
                writer.write(b"a")
                await writer.drain()
        return (await answering if answering.done() else -1), time.monotonic() - started
    finally:
        answering.cancel()
        writer.transport.abort()

"""The load generator counts what was answered, reads positions, and tells refusals apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.pressure import Plan, carry_out, number_after, request

GRANTED = b"HTTP/1.1 200 OK\r\nmilepost-position: 7\r\ncontent-length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def server(answer: bytes, parts: int = 1) -> AsyncIterator[int]:
    """Answers every request in that many parts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            size = -(-len(answer) // parts)
            for start in range(0, len(answer), size):
                writer.write(answer[start : start + size])
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield int(listening.sockets[0].getsockname()[1])


async def test_every_answer_is_counted_with_its_position() -> None:
    async with server(GRANTED) as port:
        pressed = await carry_out(Plan("127.0.0.1", port, 0.05, [[request("GET", "/")]] * 3))
    assert pressed.requests == len(pressed.positions) == len(pressed.latencies) >= 3
    assert set(pressed.positions) == {7}
    assert pressed.refused == 0


async def test_an_answer_that_arrives_in_parts_is_one_answer() -> None:
    async with server(GRANTED, parts=5) as port:
        pressed = await carry_out(Plan("127.0.0.1", port, 0.0, [[request("GET", "/")]]))
    assert (pressed.requests, pressed.positions, pressed.refused) == (1, [7], 0)


async def test_a_refusal_is_no_success() -> None:
    async with server(REFUSED) as port:
        pressed = await carry_out(Plan("127.0.0.1", port, 0.0, [[request("GET", "/")]] * 2))
    assert (pressed.requests, pressed.positions, pressed.refused) == (2, [], 2)


def test_a_header_is_looked_for_only_in_the_head() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\nmilepost-position: 9\r\n\r\n"
    end = answer.find(b"\r\n\r\n")
    assert number_after(b"content-length: ", answer, end) == 24
    assert number_after(b"milepost-position: ", answer, end) == 0


def test_a_request_is_what_http_wants() -> None:
    assert request("POST", "/things", '{"a":1}', "t") == (
        "POST /things HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer t\r\n"
        'Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
    )


async def test_a_rate_is_never_exceeded() -> None:
    async with server(GRANTED) as port:
        pressed = await carry_out(Plan("127.0.0.1", port, 0.2, [[request("GET", "/")]] * 4, rate=50))
    assert 4 <= pressed.requests <= 0.2 * 50 + 4

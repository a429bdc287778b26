"""What is no proper request never reaches the application, and holds no connection for long."""

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from starlette.types import Receive, Scope, Send

from libs.chassis import http_protocol
from libs.chassis.exchange import whole_answer
from libs.chassis.http_protocol import BoundedConfig, BoundedHttpProtocol
from libs.chassis.request_guard import RequestGuard
from tests.support.eventually import eventually

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


LARGE_BYTES = 100 * 1_024 * 1_024


async def ready(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with its own path, in one piece."""
    body = scope["path"].encode()
    length, told = (
        (b"content-length", b"%d" % len(body)),
        (b"told", scope["query_string"].replace(b"_", b"\r\n")),
    )
    await send(whole_answer(200, [length, told], body))


guarded = RequestGuard(ready)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"].startswith("/ready"):
        await guarded(scope, receive, send)
        return
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": bytes(LARGE_BYTES // 100), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    config = BoundedConfig(app, http=BoundedHttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: BoundedHttpProtocol(config, server.server_state, {}, loop), "127.0.0.1", 0
    )
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()


async def answer(port: int, *parts: bytes) -> bytes:
    """Everything the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


def problem(answered: bytes) -> tuple[int, str]:
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    told = json.loads(body)
    assert len(told["trace_id"]) == 32
    return int(head.split()[1]), told["code"]


async def test_an_ordinary_request_is_answered(port: int) -> None:
    assert (await answer(port, GET, b"Connection: close\r\n\r\n")).endswith(b"ok")


async def test_an_answer_in_one_piece_says_what_it_would_say_in_two(port: int) -> None:
    kept = await answer(port, b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"Connection: close\r\n\r\n")
    closed = await answer(port, b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    first = kept[: kept.rindex(b"HTTP/1.1 200 OK")]
    assert first == closed.replace(b"connection: close\r\n", b"")


async def test_requests_sent_at_once_are_each_given_their_own_answer(port: int) -> None:
    paths = [b"/ready/%d" % number for number in range(10, 30)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths))
    answered = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n" + paths[-1]), 5)
    writer.close()
    assert [each.partition(b"\r\n\r\n")[2] for each in answered.split(b"HTTP/1.1 200 OK\r\n")[1:]] == paths


async def test_the_head_alone_can_be_asked_for_where_the_answer_is_in_one_piece(port: int) -> None:
    answered = await answer(
        port, b"HEAD /ready HTTP/1.1\r\nHost: x\r\n\r\n", GET, b"Connection: close\r\n\r\n"
    )
    first, second = answered.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.partition(b"\r\n\r\n")[2] == b""
    assert second.partition(b"\r\n\r\n")[2] == b"ok"


async def test_no_header_of_an_answer_becomes_two(port: int) -> None:
    assert b"forged" not in await answer(port, b"GET /ready?a_forged:1 HTTP/1.1\r\nHost: x\r\n\r\n")


@pytest.mark.parametrize("size", [70_000, 5_000_000])
async def test_a_head_too_large_is_refused(port: int, size: int) -> None:
    try:
        answered = await answer(port, GET, b"X-Padding: ", *(b"a" * 10_000 for _ in range(size // 10_000)))
    except ConnectionError:
        return  # The server had closed before everything was sent.
    assert problem(answered) == (431, "headers_too_large")


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


async def test_a_head_is_measured_also_when_it_comes_with_the_end_of_another_request(port: int) -> None:
    large = GET + b"X-Padding: " + b"a" * 66_000 + b"\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST)
    await reader.readuntil(b"ok")
    writer.write(b"body" + large[:50_000])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    writer.write(large[50_000:])
    assert b" 431 " in await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_what_came_before_a_head_is_not_counted_for_it(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_BYTES_MAX", 1_000)
    body = b"b" * 5_000
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request + body + GET)
    await asyncio.wait_for(reader.readuntil(b"ok"), 5)
    writer.write(b"Connection: close\r\n\r\n")
    assert b" 200 OK" in await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_who_does_not_read_the_answer_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "STALLED_SECONDS_MAX", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 1)
    size = 0
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.wait_for(reader.read(1_000_000), 5):
            size += len(piece)
    assert size < LARGE_BYTES
    writer.close()


async def test_too_many_connections_are_told_so(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConfig, "connections_max", 1)
    _, first = await asyncio.open_connection("127.0.0.1", port)
    assert problem(await answer(port, GET)) == (503, "overloaded")
    first.close()


async def test_a_url_too_long_is_refused(port: int) -> None:
    assert problem(await answer(port, b"GET /" + b"a" * 70_000)) == (414, "url_too_long")


async def test_what_is_no_http_is_refused_with_a_problem(port: int) -> None:
    assert problem(await answer(port, b"\x16\x03\x01 hello\r\n\r\n")) == (400, "malformed_request")
    assert problem(await answer(port, b"GET /\xff HTTP/1.1\r\n\r\n")) == (400, "malformed_request")


@pytest.mark.parametrize("said", [b"", b"GET", GET, GET + b"\r\n" + GET])
async def test_a_head_that_never_ends_is_given_up(
    port: int, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS_MAX", 0.1)
    answered = await answer(port, said)
    assert problem(answered[answered.rindex(b"HTTP/1.1") :]) == (408, "request_timeout")


async def test_between_requests_the_clock_stands_still(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS_MAX", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(GET + b"\r\n")
        assert (await reader.readuntil(b"ok")).endswith(b"ok")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
    writer.close()


async def test_a_connection_that_is_over_leaves_nothing_to_the_garbage_collector(port: int) -> None:
    gc.collect()
    gc.disable()
    try:
        before = _protocols()
        for path in (b"/", b"/ready"):
            await answer(port, b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path)
        await hang_up(port, GET + b"\r\n")
        await hang_up(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
        await eventually(lambda: _nothing(_protocols() - before), 5)
    finally:
        gc.enable()


async def hang_up(port: int, sent: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    writer.transport.abort()


def _protocols() -> set[int]:
    """All there are in this process: other tests may have left some in use."""
    return {id(each) for each in gc.get_objects() if isinstance(each, BoundedHttpProtocol)}


def _nothing(left: set[int]) -> None:
    assert left == set()

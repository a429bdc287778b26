"""What the chassis adds to every answer: compression, CORS, deprecation, HEAD; and what it turns away."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import zstandard
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from libs.chassis import application, exchange
from libs.chassis.deprecation import Deprecation
from libs.chassis.exchange import says
from libs.chassis.load_shedding import INTERVALS, LoopLag
from libs.chassis.request_guard import RequestGuard
from libs.chassis.settings import ServiceSettings
from tests.unit.chassis import things

ORIGIN = "https://app.example.com"
ASKING = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
DEPRECATION = Deprecation(
    datetime(2026, 8, 1, tzinfo=UTC), "https://docs.example.com/things", datetime(2027, 3, 1, tzinfo=UTC)
)


async def large(request: Request) -> Response:
    return Response(json.dumps(["a"] * 1_000), media_type="application/json")


async def ticking(request: Request) -> Response:
    """A stream that goes on for ever after its first piece."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(pieces(), media_type="text/event-stream")


def client(settings: ServiceSettings, **changes: Any) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    app = application.create(
        "things",
        settings.model_copy(update=changes),
        routers=[things.router],
        routes=[Route("/large", large), Route("/ticking", ticking)],
        deprecations={("GET", "/v1/things"): DEPRECATION},
    )
    return things.client(app)


# --- Compression ---


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
async def test_a_large_answer_is_compressed_as_the_client_accepts(
    settings: ServiceSettings, encoding: str
) -> None:
    async with client(settings) as asking:
        answer = await asking.get("/large", headers={"accept-encoding": encoding})
        plain = await asking.get("/large", headers={"accept-encoding": "identity"})
    assert answer.headers["content-encoding"] == encoding
    assert int(answer.headers["content-length"]) < len(plain.content) // 5
    content = zstandard.decompress(answer.content) if encoding == "zstd" else answer.content
    assert (content, "content-encoding" in plain.headers) == (plain.content, False)
    assert {answer.headers["vary"], plain.headers["vary"]} == {"Accept-Encoding"}


async def test_a_small_answer_is_not_compressed_and_a_large_problem_is(settings: ServiceSettings) -> None:
    wrong = {f"wrong_{number}": number for number in range(60)}
    async with client(settings) as asking:
        small = await asking.get("/v1/things", headers={"accept-encoding": "gzip"})
        problem = await asking.get("/v1/things", params=wrong, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers
    assert (problem.status_code, problem.headers["content-encoding"]) == (422, "gzip")
    assert problem.json()["code"] == "unknown_parameter"


async def test_a_compressed_stream_is_flushed_with_every_piece(settings: ServiceSettings) -> None:
    app = application.create("things", settings, routes=[Route("/ticking", ticking)])
    got: asyncio.Queue[Message] = asyncio.Queue()
    scope = scope_of("GET", "/ticking", {"accept-encoding": "gzip"})
    answering = asyncio.create_task(app(scope, silent, got.put))
    pieces = [await asyncio.wait_for(got.get(), 5), await asyncio.wait_for(got.get(), 5)]
    answering.cancel()
    await asyncio.wait([answering])
    assert dict(pieces[0]["headers"])[b"content-encoding"] == b"gzip"
    assert len(pieces[1]["body"]) > 0


@pytest.mark.parametrize(("accepted", "chosen"), [("gzip, deflate, br, zstd", b"gzip"), ("br, zstd", None)])
async def test_of_a_stream_no_compressor_is_kept_that_grows_for_hours(
    settings: ServiceSettings, accepted: str, chosen: bytes | None
) -> None:
    routes = [Route("/ticking", ticking)]
    app = application.create("things", settings, routes=routes, streams={"/ticking"})
    got: asyncio.Queue[Message] = asyncio.Queue()
    answering = asyncio.create_task(
        app(scope_of("GET", "/ticking", {"accept-encoding": accepted}), silent, got.put)
    )
    start = await asyncio.wait_for(got.get(), 5)
    answering.cancel()
    await asyncio.wait([answering])
    assert dict(start["headers"]).get(b"content-encoding") == chosen


# --- Other origins ---


async def test_without_allowed_origins_no_page_is_told_anything(settings: ServiceSettings) -> None:
    async with client(settings) as asking:
        preflight = await asking.request("OPTIONS", "/large", headers=ASKING)
        answer = await asking.get("/large", headers={"Origin": ORIGIN})
    assert preflight.status_code == 405
    assert not [name for name in (*preflight.headers, *answer.headers) if name.startswith("access-control")]


async def test_an_allowed_page_may_ask_and_read_what_it_needs(settings: ServiceSettings) -> None:
    async with client(settings, cors_origins=(ORIGIN,)) as asking:
        preflight = await asking.request("OPTIONS", "/v1/things", headers=ASKING)
        answers = [await asking.get(path, headers={"Origin": ORIGIN}) for path in ("/large", "/v1/nothing")]
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert {"Authorization", "Content-Type", "Idempotency-Key", "If-Match"} <= names(
        preflight.headers["access-control-allow-headers"]
    )
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in names(answer.headers["vary"])
        assert names(answer.headers["access-control-expose-headers"]) >= {
            *("ETag", "Location", "Link", "Milepost-Position", "Idempotency-Replayed", "RateLimit"),
            *("RateLimit-Policy", "Retry-After", "Deprecation", "Sunset"),
        }


async def test_another_page_is_told_nothing(settings: ServiceSettings) -> None:
    async with client(settings, cors_origins=(ORIGIN,)) as asking:
        for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example", "http://app.example.com"):
            preflight = await asking.request("OPTIONS", "/large", headers={**ASKING, "Origin": origin})
            answer = await asking.get("/large", headers={"Origin": origin})
            assert "access-control-allow-origin" not in {**preflight.headers, **answer.headers}
            assert "access-control-allow-methods" not in preflight.headers


# --- Deprecation ---


async def test_a_deprecated_operation_says_so_in_every_answer_and_in_the_document(
    settings: ServiceSettings,
) -> None:
    async with client(settings) as asking:
        answers = [await asking.get("/v1/things"), await asking.get("/v1/things?limit=x")]
        other = await asking.get("/large")
        operation = (await asking.get("/openapi.json")).json()["paths"]["/v1/things"]["get"]
    for answer in answers:
        assert answer.headers["deprecation"] == "@1785542400"
        assert answer.headers["sunset"] == "Mon, 01 Mar 2027 00:00:00 GMT"
        assert (
            answer.headers["link"] == '<https://docs.example.com/things>; rel="deprecation"; type="text/html"'
        )
    assert "deprecation" not in other.headers
    assert operation["deprecated"] is True


# --- HEAD ---


@pytest.mark.parametrize("path", ["/large", "/v1/things", "/livez", "/v1/nothing", "/docs"])
async def test_head_has_the_headers_of_get_and_no_body(settings: ServiceSettings, path: str) -> None:
    async with client(settings) as asking:
        got, headed = await asking.get(path), await asking.head(path)
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert set(headed.headers) == set(got.headers)
    if got.status_code == 200:
        assert headed.headers.get("content-length") == got.headers.get("content-length")


async def test_head_of_an_endless_stream_ends(settings: ServiceSettings) -> None:
    async with client(settings) as asking:
        answer = await asyncio.wait_for(asking.head("/ticking"), 5)
    assert (answer.status_code, answer.headers["content-type"][:17]) == (200, "text/event-stream")


async def test_what_would_go_on_after_a_head_is_stopped() -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.Event().wait()

    assert await asyncio.wait_for(status_of(RequestGuard(endless), "/endless", method="HEAD"), 5) == 200


# --- Load ---


async def test_a_loop_that_is_late_all_the_time_turns_new_requests_away_but_no_probes(
    settings: ServiceSettings,
) -> None:
    lag = LoopLag()
    guard = RequestGuard(large_app, loop_lag=lag)
    for _ in range(INTERVALS):
        lag.record(0.3)
    refused, probed = await status_of(guard, "/large"), await status_of(guard, "/livez")
    lag.record(0.01)
    assert (refused, probed, await status_of(guard, "/large")) == (503, 200, 200)


async def test_a_single_stall_turns_nobody_away() -> None:
    lag = LoopLag()
    lag.record(5.0)
    assert await status_of(RequestGuard(large_app, loop_lag=lag), "/large") == 200


# --- Bodies ---


async def test_the_time_for_the_body_comes_on_top_of_the_time_for_the_answer(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BODY_SECONDS_MAX", 0.4)
    is_sent = False

    async def late() -> Message:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.25)
        return {"type": "http.request", "body": b"{}"}

    guard = RequestGuard(reading_app, deadline_seconds=0.1)
    assert await status_of(guard, "/large", late, "POST") == 200


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/json; charset=latin-1", False),
        ("application/merge-patch+json", False),
        ("text/json", False),
        ("", False),
        ("application/jsonx", False),
    ],
)
def test_a_type_is_read_as_it_is_meant(content_type: str, expected: bool) -> None:
    assert says(content_type, "application/json") is expected


async def large_app(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"large")(scope, receive, send)


async def reading_app(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await Response(b"read")(scope, receive, send)


async def silent() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def status_of(guard: RequestGuard, path: str, receive: Receive = silent, method: str = "GET") -> int:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await guard(scope_of(method, path, {"content-type": "application/json"}), receive, send)
    return int(sent[0]["status"])


def scope_of(method: str, path: str, headers: Mapping[str, str]) -> Scope:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}


def names(header: str) -> set[str]:
    return {name.strip() for name in header.split(",")}

"""The guard around every service: sizes, deadlines, traces, measurements."""

import asyncio
import gc
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.chassis import exchange, tracing
from libs.chassis.request_guard import UNANSWERED, RequestGuard
from libs.chassis.settings import ServiceSettings
from tests.support.spans import Collector
from tests.unit.chassis import things

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest_asyncio.fixture
async def client(settings: ServiceSettings) -> AsyncIterator[httpx2.AsyncClient]:
    async with things.client(things.create(settings)) as client:
        yield client


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 65_536


@pytest.mark.parametrize("path", ["/v1/plain", "/v1/things/1/grow"])
async def test_a_body_too_large_is_refused_whether_announced_or_not(
    client: httpx2.AsyncClient, path: str
) -> None:
    announced = await client.post(path, content=b" " * 262_145, headers=JSON)
    streamed = await client.post(path, content=chunks(5), headers=JSON)
    assert [announced.status_code, streamed.status_code] == [413, 413]
    assert announced.headers["connection"] == "close"


async def test_an_import_may_be_larger(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/imports", content=chunks(5), headers=LINES)
    assert response.status_code == 400


async def test_an_answer_that_does_not_start_in_time_is_given_up(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/things/hanging")
    assert (response.status_code, response.json()["code"]) == (503, "deadline_exceeded")


async def test_an_answer_that_has_started_may_take_its_time(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/things/streaming")
    assert (response.status_code, response.text) == (200, "...")


async def test_a_body_that_never_arrives_is_the_senders_fault(settings: ServiceSettings) -> None:
    started = await asked(things.create(settings), "/v1/plain", silent)
    assert started["status"] == 408


async def test_a_silent_import_is_given_up(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "IMPORT_IDLE_SECONDS", 0.05)
    started = await asked(things.create(settings), "/v1/imports", silent)
    assert started["status"] == 408


async def test_the_trace_of_the_caller_is_continued(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/nothing", headers={"traceparent": PARENT})
    assert response.json()["trace_id"] == PARENT[3:35]


async def test_a_request_is_a_span_of_its_caller_named_by_its_template(
    client: httpx2.AsyncClient, collector: Collector
) -> None:
    for path in ("/livez", "/v1/things/1/grow", "/v1/nothing"):
        await client.get(path, headers={"traceparent": PARENT})
    tracing.stop()
    assert [(span.name, span.trace_id, span.parent_id) for span in collector.spans] == [
        ("GET /v1/things/{thing_id}/grow", PARENT[3:35], PARENT[36:52]),
        ("GET unmatched", PARENT[3:35], PARENT[36:52]),
    ]


async def test_head_works_where_get_does(client: httpx2.AsyncClient) -> None:
    response = await client.head("/v1/things/streaming")
    assert response.status_code == 200


async def test_a_request_that_is_over_leaves_nothing_to_the_garbage_collector() -> None:
    async def ready(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(exchange.whole_answer(200, [], b""))

    async def body() -> Message:
        return {"type": "http.request"}

    gc.collect()
    gc.disable()
    try:
        before = _exchanges()
        await asked(RequestGuard(ready), "/v1/plain", body)
        left = _exchanges() - before
    finally:
        gc.enable()
    assert left == set()


def _exchanges() -> set[int]:
    """All there are in this process: other tests may have left some in use."""
    return {id(each) for each in gc.get_objects() if isinstance(each, exchange.Exchange)}


async def test_requests_are_counted_by_template_and_not_by_path(client: httpx2.AsyncClient) -> None:
    labels = {"method": "POST", "route": "/v1/things/{thing_id}/grow", "status": "200"}
    before = REGISTRY.get_sample_value("milepost_http_request_seconds_count", labels) or 0
    for thing_id in range(3):
        await client.post(f"/v1/things/{thing_id}/grow", json={"name": "a", "size": 1})
    plain = {"method": "GET", "route": "/v1/plain", "status": "200"}
    plain_before = REGISTRY.get_sample_value("milepost_http_request_seconds_count", plain) or 0
    await client.get("/v1/plain")
    assert REGISTRY.get_sample_value("milepost_http_request_seconds_count", labels) == before + 3
    assert REGISTRY.get_sample_value("milepost_http_request_seconds_count", plain) == plain_before + 1
    assert REGISTRY.get_sample_value("milepost_http_requests_in_progress") == 0


class Lines(list[tuple[str, str, int, str]]):
    """What a log of requests was told: method, route, status, and trace."""

    def __call__(self, method: str, route: str, status: int, seconds: float, trace_id: str) -> None:
        self.append((method, route, status, trace_id))


async def test_every_request_has_its_line() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a mistake")

    lines = Lines()
    await asked(RequestGuard(app, request_log=lines), "/v1/plain", silent)
    assert lines == [("POST", "unmatched", 500, PARENT[3:35])]


async def test_who_leaves_before_their_body_was_read_is_no_error_of_ours() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    lines = Lines()
    assert await asked(RequestGuard(app, request_log=lines), "/v1/plain", gone) == {}
    assert [status for _, _, status, _ in lines] == [UNANSWERED]


async def test_half_an_answer_is_broken_off_and_not_completed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        await asked(RequestGuard(app), "/v1/plain", silent)


async def silent() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def asked(app: ASGIApp, path: str, receive: Receive) -> Message:
    """The start of the answer to a POST whose body comes from `receive`; nothing where there is none."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"traceparent", PARENT.encode())],
    }
    await app(scope, receive, send)
    return sent[0] if sent else {}

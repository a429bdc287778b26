"""However large, deep, many or slow requests are: they are answered or cut off, and everybody else is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import psutil
import pytest

from deploy.local.stack import Stack
from tests.end_to_end.surfaces import Surface
from tests.support.plain_gets import plain_gets
from tests.support.size_ladder import ANSWER_SECONDS_MAX, CUT, MIB, climb, creep, rungs

RSS_GROWTH_BYTES_MAX = 64 * MIB
HUNG_SECONDS = 10.0
SLOW_HEADS, SLOW_BODIES = 250, 250
POSTS = {
    "projects": ("/v1/projects", "/v1/imports"),
    "timeline": ("/v1/timeline/projects", None),
    "notifications": ("/v1/notifications/subscriptions", None),
}


@asynccontextmanager
async def everybody_else_is_served(surface: Surface, stack: Stack) -> AsyncIterator[int]:
    """While the block runs plain GETs follow one another; afterwards none hung, and memory has grown little."""
    process = psutil.Process(stack.processes[surface.name].pid)
    port = urlsplit(stack.url(surface.name)).port or 0
    before, sizes = process.memory_info().rss, [0]

    async def weigh() -> None:
        while True:
            sizes.append(process.memory_info().rss)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)

    weighing = asyncio.create_task(weigh())
    async with plain_gets(port, surface.resource, token_of(surface)) as seen:
        yield port
    weighing.cancel()
    growth = max(sizes) - before
    print(f"{surface.name}: {len(seen.seconds)} plain GETs, p99 {seen.p99_seconds * 1_000:.0f} ms")  # noqa: T201
    print(f"{surface.name}: memory +{growth / MIB:.1f} MiB")  # noqa: T201
    assert seen.refused == []
    assert max(seen.seconds) < HUNG_SECONDS
    assert growth <= RSS_GROWTH_BYTES_MAX


@pytest.mark.parametrize("surface", list(POSTS), indirect=True)
async def test_no_size_is_too_much(surface: Surface, end_to_end: Stack) -> None:
    post, imports = POSTS[surface.name]
    async with everybody_else_is_served(surface, end_to_end) as port:
        climbed = await climb(port, rungs(post, imports, token_of(surface)))
    assert climbed.failed == []
    assert len(climbed.statuses) > 70


@pytest.mark.parametrize("surface", ["projects"], indirect=True)
async def test_five_hundred_slow_clients_keep_nobody_waiting(surface: Surface, end_to_end: Stack) -> None:
    head = (
        b"POST /v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % token_of(surface).encode()
    )
    body = head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    async with everybody_else_is_served(surface, end_to_end) as port:
        slow = [creep(port, said) for said in (*[head] * SLOW_HEADS, *[body] * SLOW_BODIES)]
        ends = await asyncio.gather(*slow)
    assert {status for status, _ in ends} <= {408, CUT}
    assert max(seconds for _, seconds in ends) < ANSWER_SECONDS_MAX


def token_of(surface: Surface) -> str:
    return str(surface.client.headers["authorization"]).removeprefix("Bearer ")

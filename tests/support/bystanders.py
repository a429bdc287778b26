"""Everybody else while somebody misbehaves: how long their plain questions take, and how the service grows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

from tests.support.plain_gets import PlainGets, plain_gets

WEIGHING_SECONDS = 0.05


@dataclass
class Bystanders:
    """What was seen, once the block is over."""

    gets: PlainGets = field(default_factory=PlainGets)
    growth_bytes: int = 0


@asynccontextmanager
async def bystanders(port: int, pid: int, path: str, token: str) -> AsyncIterator[Bystanders]:
    """While the block runs plain GETs follow one another, and the process is weighed."""
    process = psutil.Process(pid)
    before, seen = process.memory_info().rss, Bystanders()

    async def weigh() -> None:
        while True:
            seen.growth_bytes = max(seen.growth_bytes, process.memory_info().rss - before)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), WEIGHING_SECONDS)

    weighing = asyncio.create_task(weigh())
    try:
        async with plain_gets(port, path, token) as seen.gets:
            yield seen
    finally:
        weighing.cancel()

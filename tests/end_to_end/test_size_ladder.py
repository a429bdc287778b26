"""However large, deep, many or slow requests are: they are answered or cut off, and everybody else is served.

How fast, and how much memory it takes, is for the benches to say (`sizes`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from deploy.local.stack import Stack
from tests.end_to_end.surfaces import Surface
from tests.support.bystanders import bystanders
from tests.support.size_ladder import ANSWER_SECONDS_MAX, CUT, MIB, POSTS, climb, rungs, slow_clients

RSS_GROWTH_BYTES_MAX = 64 * MIB
HUNG_SECONDS = 10.0
RUNGS_MIN = 300


@asynccontextmanager
async def everybody_else_is_served(surface: Surface, stack: Stack) -> AsyncIterator[int]:
    """While the block runs plain GETs follow one another; afterwards none hung, and memory has grown little."""
    port = urlsplit(stack.url(surface.name)).port or 0
    pid = stack.processes[surface.name].pid
    async with bystanders(port, pid, surface.resource, token_of(surface)) as seen:
        yield port
    assert seen.gets.refused == []
    assert max(seen.gets.seconds) < HUNG_SECONDS
    assert seen.growth_bytes <= RSS_GROWTH_BYTES_MAX


@pytest.mark.parametrize("surface", list(POSTS), indirect=True)
async def test_no_size_is_too_much(surface: Surface, end_to_end: Stack) -> None:
    steps = list(rungs(surface.name, token_of(surface)))
    async with everybody_else_is_served(surface, end_to_end) as port:
        climbed = await climb(port, steps)
    assert climbed.failed == []
    assert len(climbed.statuses) == len(steps)


def test_the_ladder_has_three_hundred_rungs() -> None:
    assert sum(len(list(rungs(name, "token"))) for name in POSTS) >= RUNGS_MIN


@pytest.mark.parametrize("surface", ["projects"], indirect=True)
async def test_five_hundred_slow_clients_keep_nobody_waiting(surface: Surface, end_to_end: Stack) -> None:
    async with everybody_else_is_served(surface, end_to_end) as port:
        ends = await slow_clients(port, token_of(surface))
    assert len(ends) == 500
    assert {status for status, _ in ends} <= {408, CUT}
    assert max(seconds for _, seconds in ends) < ANSWER_SECONDS_MAX


def token_of(surface: Surface) -> str:
    return str(surface.client.headers["authorization"]).removeprefix("Bearer ")

"""Waiting for what becomes true: the only way a test waits."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

Result = TypeVar("Result")
POLL_SECONDS = 0.02


@overload
async def eventually(
    assertion: Callable[[], Awaitable[Result]], seconds: float = ..., every: float = ...
) -> Result: ...
@overload
async def eventually(assertion: Callable[[], Result], seconds: float = ..., every: float = ...) -> Result: ...
async def eventually(assertion: Callable[[], Any], seconds: float = 10, every: float = POLL_SECONDS) -> Any:
    """Call `assertion` (plain or async) until it raises no AssertionError and return what it returned.

    After `seconds` its last AssertionError is raised, so the test fails with the reason, not with a time-out.
    Other exceptions are raised at once.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            outcome = assertion()
            return await outcome if inspect.isawaitable(outcome) else outcome
        except AssertionError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(every)

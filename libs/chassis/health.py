"""Whether this process lives and whether it should be sent requests: two questions with two answers.

`/livez` touches nothing: a restart mends no database. `/readyz` asks what the service truly needs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from libs.chassis import problems
from libs.chassis.problems import Problem

CHECK_SECONDS_MAX = 2.0

Check = Callable[[], Awaitable[bool]]


class Readiness:
    """Ready while every check answers true within 2 s, and `stopping` is not set."""

    def __init__(
        self, checks: Mapping[str, Check] | None = None, stopping: asyncio.Event | None = None
    ) -> None:
        self._checks = dict(checks or {})
        self._stopping = stopping or asyncio.Event()

    async def failing(self) -> list[str]:
        """The names of what is not as it should be; empty when ready."""
        if self._stopping.is_set():
            return ["stopping"]
        passed = await asyncio.gather(*(_passes(check) for check in self._checks.values()))
        return [name for name, has_passed in zip(self._checks, passed, strict=True) if not has_passed]

    def routes(self) -> list[Route]:
        """`/livez` and `/readyz`, for everybody and in no API document."""
        return [
            Route("/livez", livez, methods=["GET"], include_in_schema=False),
            Route("/readyz", self._readyz, methods=["GET"], include_in_schema=False),
        ]

    async def _readyz(self, request: Request) -> Response:
        failing = await self.failing()
        if not failing:
            return JSONResponse({"status": "ready"})
        problem = Problem(
            503, "unavailable", "Not ready.", extra={"failing": failing}, headers={"Retry-After": "1"}
        )
        return problems.response(problem, "/readyz")


async def livez(request: Request) -> Response:
    """Answering is the proof."""
    return PlainTextResponse("alive\n")


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            return await check()
    except Exception:
        return False

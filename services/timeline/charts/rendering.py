"""Charts become SVG in a process of their own: rendering takes a processor for tens of milliseconds.

The process reads a chart per line and answers with the length of the SVG and the SVG; it ends with its input. An answer
that nobody asked for comes first: it can draw.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from libs.chassis.problems import Problem

ROOT = Path(__file__).resolve().parents[3]
WAITING_MAX = 8
# The drawing library is 90 MB that a cold disk takes long to read; a chart takes milliseconds.
START_SECONDS_MAX = 20.0
RENDER_SECONDS_MAX = 5.0


class Renderer:
    """One rendering process, started when the first chart is asked for. `close` it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._loading: asyncio.Task[bytes] | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def svg(self, chart: dict[str, Any]) -> bytes:
        """The chart as SVG; raises `Problem` 503 when too many wait or the process does not answer."""
        if self._waiting >= WAITING_MAX:
            raise overloaded("Too many charts are being drawn.")
        self._waiting += 1
        try:
            async with asyncio.timeout(START_SECONDS_MAX + RENDER_SECONDS_MAX), self._turn:
                return await self._rendered(chart)
        except TimeoutError as error:
            raise overloaded("The chart could not be drawn in time.") from error
        finally:
            self._waiting -= 1

    async def _rendered(self, chart: dict[str, Any]) -> bytes:
        was_running = self._process is not None
        try:
            return await self._answer(chart)
        except (OSError, EOFError, ValueError) as error:
            await self.close()
            if not was_running or isinstance(error, TimeoutError):
                raise overloaded("The chart could not be drawn.") from error
        except BaseException:
            # Half an answer may be under way: the next chart needs a fresh process. One that still loads has none, and
            # goes on: requests may have less time than a cold disk takes.
            if self._loading is None or self._loading.done():
                await self.close()
            raise
        # It had died since the last chart, or this one killed it: a fresh process will tell.
        return await self._rendered(chart)

    async def _answer(self, chart: dict[str, Any]) -> bytes:
        charts, svgs = await self._started()
        async with asyncio.timeout(RENDER_SECONDS_MAX):
            charts.write(json.dumps(chart).encode() + b"\n")
            await charts.drain()
            return await _next_of(svgs)

    async def close(self) -> None:
        """End the process at once."""
        process, self._process = self._process, None
        loading, self._loading = self._loading, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if loading is not None:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)

    async def _started(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        if self._process is None or self._process.returncode is not None:
            await self.close()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.timeline.charts.drawing",
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        charts, svgs = self._process.stdin, self._process.stdout
        if charts is None or svgs is None:
            raise ConnectionError("the rendering process has no pipes")
        if self._loading is None:
            self._loading = asyncio.create_task(_next_of(svgs))
        async with asyncio.timeout(START_SECONDS_MAX):
            await asyncio.shield(self._loading)
        return charts, svgs


async def _next_of(svgs: asyncio.StreamReader) -> bytes:
    length = int(await svgs.readline() or b"0")
    if not length:
        raise ConnectionError("the rendering process ended")
    return await svgs.readexactly(length)


def overloaded(detail: str) -> Problem:
    return Problem(503, "overloaded", detail, headers={"Retry-After": "1"})

"""A service of its own process: it answers, streams, and has a loop that can die. Run by the tests of the server."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from libs.chassis import application, server
from libs.chassis.migrations import wait_until_migrated
from libs.chassis.postgres import Database
from libs.chassis.server import Program
from libs.chassis.settings import ServiceSettings


async def finish(request: Request) -> Response:
    """An answer that is still being made when the process is told to stop."""
    await request.app.state.stopping.wait()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.3)
    print("request finished", flush=True)  # noqa: T201
    return PlainTextResponse("finished")


async def stream(request: Request) -> Response:
    stopping: asyncio.Event = request.app.state.stopping

    async def frames() -> AsyncIterator[bytes]:
        yield b"first\n"
        await stopping.wait()
        yield b"last\n"

    return StreamingResponse(frames())


async def never(request: Request) -> Response:
    """An answer that is never ready."""
    await asyncio.Event().wait()
    raise AssertionError


async def cancelled() -> None:
    """Whatever is told to end, as often as it likes, and does not."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def until_migrated(settings: ServiceSettings, directory: Path) -> None:
    database = await Database.connect(settings.database_url.get_secret_value(), application_name="small")
    try:
        await wait_until_migrated(database, [directory], check_seconds=0.02)
    finally:
        await database.close()


@asynccontextmanager
async def program(stopping: asyncio.Event) -> AsyncIterator[Program]:
    settings = ServiceSettings()
    if "never-starts" in sys.argv:
        await asyncio.Event().wait()
    if "waits-for-migrations" in sys.argv:
        await until_migrated(settings, Path(sys.argv[-1]))
    dying = asyncio.Event()

    async def die(request: Request) -> Response:
        dying.set()
        return PlainTextResponse("dying")

    async def loop() -> None:
        await dying.wait()
        if "returns" not in sys.argv:
            raise RuntimeError("the loop is broken")

    async def working() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            while "hangs" in sys.argv:
                await cancelled()
            print("loop released its lock", flush=True)  # noqa: T201

    routes = [Route("/finish", finish), Route("/never", never), Route("/stream", stream), Route("/die", die)]
    app = application.create("small", settings, routes=routes, stopping=stopping)
    try:
        yield Program(app, {"dying": loop, "working": working})
    finally:
        print("pools closed", flush=True)  # noqa: T201


if __name__ == "__main__":
    server.serve("small", ServiceSettings(), program)

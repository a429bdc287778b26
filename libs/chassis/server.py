"""The life of a process: start, serve, and stop without losing what was promised, within 15 s whatever hangs.

Every background loop is supervised: the death of one ends the process, and something outside starts it anew.
"""

import asyncio
import contextlib
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import structlog
import uvicorn
import uvloop
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.chassis import clock, garbage, logging, metrics, problems, tracing
from libs.chassis.ending import ENDING
from libs.chassis.http_protocol import BoundedConfig, BoundedHttpProtocol
from libs.chassis.load_shedding import LOOP_LAG
from libs.chassis.problems import Problem
from libs.chassis.settings import ServiceSettings

REQUESTS_SECONDS_MAX = 8.0
LOOPS_SECONDS_MAX = 3.0
CLOSING_SECONDS = 1.0
DATE_SECONDS = 1.0
ARRIVING_SECONDS = 0.1
# Databases, broker, log, keys: what a process has open beside its clients.
OTHER_FILES_MAX = 256

log = structlog.get_logger(__name__)

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Program:
    """What a service is while it runs: its application, and loops that run for ever beside it, by name."""

    app: ASGIApp
    loops: Mapping[str, Loop] = field(default_factory=dict)


ProgramFactory = Callable[[asyncio.Event], AbstractAsyncContextManager[Program]]


def serve(service: str, settings: ServiceSettings, program: ProgramFactory) -> None:
    """Run a service until SIGTERM or SIGINT; returns when it stopped in order, exits with 1 if something died.

    `program(stopping)` opens what the service needs (it may wait for its database as long as it takes), yields
    the `Program`, and closes everything afterwards. `stopping` is set at the signal: streams then send their
    last frame. In order: not ready, `shutdown_delay_seconds`, requests finish (at most 8 s), loops are
    cancelled (at most 3 s), the program closes; all of it within `ENDING_SECONDS_MAX`.
    """
    logging.configure(service, log_format=settings.log_format, level=settings.log_level)
    tracing.configure(service)
    clock.move_by(settings.clock_offsets and settings.clock_offsets / service)
    for doubt in settings.doubtful_in_production():
        log.warning("doubtful_in_production", detail=doubt)
    try:
        with (
            metrics.served(service, settings.host, settings.metrics_port),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            failed = runner.run(_Process(settings, program).run())
    except OSError as error:
        log.error("cannot_start", error=str(error))
        failed = True
    finally:
        tracing.stop()
        ENDING.over()
    if failed:
        sys.exit(1)


class _Process:
    def __init__(self, settings: ServiceSettings, program: ProgramFactory) -> None:
        self._settings = settings
        self._program = program
        self._stopping = asyncio.Event()
        self._failed = False

    async def run(self) -> bool:
        """Returns whether something died that should live."""
        listening = _listen(self._settings.host, self._settings.port)
        server = _Server(_config(starting, self._settings.connections_max))
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
        living = asyncio.create_task(self._live(server, serving), name="program")
        self._obey_signals(living)
        metrics.count_tasks_of(asyncio.get_running_loop())
        host, port = listening.getsockname()[:2]
        log.info("listening", host=host, port=port)
        try:
            await living
        except asyncio.CancelledError:
            log.info("stopped_while_starting")
        except Exception as error:
            self._failed = True
            log.error("program_failed", exc_info=error)
        ENDING.begin()
        await _finish_requests(server, serving)
        log.info("stopped", failed=self._failed)
        return self._failed

    def _obey_signals(self, living: "asyncio.Task[None]") -> None:
        def stop() -> None:
            ENDING.begin()
            if self._stopping.is_set() or not self._is_serving:
                # Nothing to finish yet, or somebody asks a second time.
                living.cancel()
            self._stopping.set()

        self._is_serving = False
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    async def _live(self, server: "_Server", serving: "asyncio.Task[None]") -> None:
        async with self._program(self._stopping) as program:
            loops = [
                asyncio.create_task(_endless(name, loop), name=name) for name, loop in program.loops.items()
            ]
            loops.append(asyncio.create_task(_endless("loop lag", LOOP_LAG.watch), name="loop lag"))
            garbage.settle()
            server.switch_to(program.app)
            self._is_serving = True
            log.info("started")
            try:
                await self._until_stopping([serving, *loops])
                await self._delay()
                await _finish_requests(server, serving)
            finally:
                await _cancel(loops)

    async def _until_stopping(self, tasks: "list[asyncio.Task[None]]") -> None:
        told = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
        self._failed = any(task.done() for task in tasks)
        ENDING.begin()
        self._stopping.set()
        await told

    async def _delay(self) -> None:
        if not self._failed:
            log.info("stopping", delay_seconds=self._settings.shutdown_delay_seconds)
            await asyncio.sleep(self._settings.shutdown_delay_seconds)


class _Server(uvicorn.Server):
    """uvicorn without its own way with signals, and with an application that arrives later."""

    def __init__(self, config: BoundedConfig) -> None:
        super().__init__(config)
        self._told_to_end = asyncio.Event()

    def end(self, seconds: float) -> None:
        """Stop accepting, let requests finish for at most `seconds`, cancel the others, and return from `serve`."""
        self.config.timeout_graceful_shutdown = seconds  # type: ignore[assignment]
        self.should_exit = True
        self._told_to_end.set()

    async def main_loop(self) -> None:
        """Keep the date of answers; the library wakes ten times as often, to look whether it should end."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._told_to_end.wait()
        # Who connected just before still gets their request read, and an answer.
        await asyncio.sleep(ARRIVING_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def switch_to(self, app: ASGIApp) -> None:
        """Connections opened from now on are served by `app`."""
        self.config.loaded_app = app


async def starting(scope: Scope, receive: Receive, send: Send) -> None:
    """The application while the real one waits for what it needs: alive, but not ready."""
    tracing.adopt(None)
    if scope["path"] == "/livez":
        answer: Response = PlainTextResponse("alive\n", headers={"Connection": "close"})
    else:
        headers = {"Connection": "close", "Retry-After": "1"}
        problem = Problem(503, "unavailable", "The service is starting.", headers=headers)
        answer = problems.response(problem, scope["path"])
    await answer(scope, receive, send)


async def _endless(name: str, loop: Loop) -> None:
    try:
        await loop()
    except Exception as error:
        log.error("loop_died", loop=name, exc_info=error)
        raise
    log.error("loop_ended", loop=name)


async def _finish_requests(server: _Server, serving: "asyncio.Task[None]") -> None:
    seconds = ENDING.seconds(REQUESTS_SECONDS_MAX, keeping=LOOPS_SECONDS_MAX + CLOSING_SECONDS)
    server.end(seconds)
    await asyncio.wait([serving], timeout=seconds + CLOSING_SECONDS)


async def _cancel(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    seconds = ENDING.seconds(LOOPS_SECONDS_MAX, keeping=CLOSING_SECONDS)
    _, still_running = await asyncio.wait(tasks, timeout=seconds)
    for task in still_running:
        log.error("loop_does_not_stop", loop=task.get_name())
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()


def _config(app: ASGIApp, connections_max: int) -> BoundedConfig:
    _allow_open_files(connections_max + OTHER_FILES_MAX)
    config = BoundedConfig(
        app,
        loop="none",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    config.connections_max = connections_max
    return config


def _allow_open_files(wanted: int) -> None:
    """Raise the soft limit of open files as far as that needs, and the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2_048)

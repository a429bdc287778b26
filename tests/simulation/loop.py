"""An event loop without a clock or a socket: time jumps to the next timer, so an hour takes as long as its work.

Callbacks run in the order asyncio promises; chance enters through the delays of messages. A frozen process's callbacks
are kept until it thaws.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context, ContextVar, copy_context
from itertools import count
from types import MappingProxyType
from typing import Any, TypeVarTuple, Unpack

Arguments = TypeVarTuple("Arguments")
PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)


class Stuck(AssertionError):
    """Nothing is left that could ever happen."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs what is ready, then jumps in time."""

    # What the loop of the standard library keeps for its own turns, and this one turns by.
    _ready: Any

    def __init__(self) -> None:
        super().__init__()
        self._instant = 0.0
        self._timers: list[tuple[float, int, Any]] = []
        self._numbers = count()
        self.world = copy_context()
        """The context of what happens outside of every process, and is therefore never frozen."""

    def time(self) -> float:
        return self._instant

    def _write_to_self(self) -> None:
        """There is no other thread to be woken from."""

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Timers of the same instant fire in the order in which they were set."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def arrive_at(self, when: float, arrive: Callable[..., None], content: tuple[Any, ...]) -> None:
        """Have a message arrive in the world. Nobody can call it back, so that it needs no handle."""
        heapq.heappush(self._timers, (when, next(self._numbers), Arrival(arrive, content)))

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not ready:
            if not timers:
                raise Stuck("nothing is left that could ever happen")
            self._instant = max(self._instant, timers[0][0])
        while timers and timers[0][0] <= self._instant:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            # A loop runs its handles by what they keep for it.
            if handle._cancelled:  # noqa: SLF001
                continue
            process = handle._context.get(PROCESS)  # noqa: SLF001
            if process is not None and process.is_frozen:
                process.withheld.append(handle)
            else:
                handle._run()  # noqa: SLF001

    def continue_with(self, handles: list[Any]) -> None:
        """Run what was kept of a process that was frozen."""
        self._ready.extend(handles)


class Arrival:
    """A message that arrives, as the loop runs it: in no process, and loud where it goes wrong."""

    __slots__ = ("_arrive", "_content")
    _cancelled = False
    _context: Mapping[Any, None] = MappingProxyType({})

    def __init__(self, arrive: Callable[..., None], content: tuple[Any, ...]) -> None:
        self._arrive = arrive
        self._content = content

    def cancelled(self) -> bool:
        return False

    def _run(self) -> None:
        self._arrive(*self._content)


class Process:
    """What lives and dies together: tasks, their memory, and the links to servers."""

    def __init__(self, loop: SimulatedLoop, name: str) -> None:
        self._loop = loop
        self.name = name
        self.is_frozen = False
        self.is_dead = False
        self.cut_off_until: dict[str, float] = {}
        """Until when nothing passes between this process and a server, by the server's name."""
        self.withheld: list[Any] = []
        self.links: dict[Link, None] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._context: Context = copy_context()
        self._context.run(PROCESS.set, self)

    def start(self, *loops: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run loops that never end; one that ends by itself is a failure, see `ended`."""
        for each in loops:
            task = self._context.run(each)
            self._tasks.append(self._loop.create_task(task, context=self._context))

    @property
    def seconds(self) -> float:
        """The instant at which this process is, rounded for people."""
        return round(self._loop.time(), 3)

    @property
    def failure(self) -> BaseException | None:
        """What ended a loop of a living process that should have gone on."""
        for task in self._tasks:
            if task.done() and not self.is_dead:
                return None if task.cancelled() else task.exception()
        return None

    def kill(self) -> None:
        """End at once. Nothing that still unwinds can reach a server; what was sent before arrives."""
        self.is_dead = True
        for link in list(self.links):
            link.abandon()
        self.thaw()
        for task in self._tasks:
            task.cancel()

    def call(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call back into this process, as soon as it runs."""
        self._loop.call_soon(callback, *arguments, context=self._context)

    def freeze(self) -> None:
        self.is_frozen = True

    def thaw(self) -> None:
        self.is_frozen = False
        self._loop.continue_with(self.withheld)
        self.withheld = []

    def cut_off(self, server: str, seconds: float) -> None:
        """Hold up everything between this process and a server for a while, as a broken cable does."""
        self.cut_off_until[server] = self._loop.time() + seconds

    async def is_over(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Link:
    """A connection of a process to a server, as the process's death sees it."""

    def abandon(self) -> None:
        """The process is dead: nothing more is sent, and nobody hears an answer."""


def this_process() -> Process:
    """The process whose code is running."""
    process = PROCESS.get()
    assert process is not None, "only a process may connect to a server"
    return process

"""An event loop without a clock or a socket: time jumps to the next timer, so an hour takes as long as its work.

Callbacks run in the order asyncio promises; chance enters through the delays of messages. A frozen process's callbacks
are kept until it thaws.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, Protocol, TypeVarTuple, Unpack

Arguments = TypeVarTuple("Arguments")
PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)


class Stuck(AssertionError):
    """Nothing is left that could ever happen."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs what is ready, then jumps in time."""

    # What the loop of the standard library keeps for its own turns, and this one turns by.
    _ready: Any
    _stopping: bool

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

    def call_soon(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> "Call":
        call = Call(self._instant, callback, args, context)
        self._ready.append(call)
        return call

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> "Call":
        """Timers of the same instant fire in the order in which they were set."""
        call = Call(when, callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), call))
        return call

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> "Call":
        return self.call_at(self._instant + delay, callback, *args, context=context)

    def arrive_at(self, when: float, arrival: "Arrival") -> None:
        """Have a message arrive in the world. Nobody can call it back, so that it needs no handle."""
        heapq.heappush(self._timers, (when, next(self._numbers), arrival))

    def _run_once(self) -> None:
        """Turn until somebody stops the loop: it does nothing else between two turns."""
        ready, timers = self._ready, self._timers
        take, pop = ready.popleft, heapq.heappop
        while not self._stopping:
            if not ready:
                self._jump()
            while timers and timers[0][0] <= self._instant:
                ready.append(pop(timers)[2])
            for _ in range(len(ready)):
                call = take()
                if type(call) is Arrival:
                    if not call.wire.is_cut:
                        call.arrive(*call.content)
                elif not call._cancelled:  # noqa: SLF001 -- a loop runs calls by what they keep for it
                    self._run(call, call._context)  # noqa: SLF001

    def _jump(self) -> None:
        """Go on to when something happens next."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Stuck("nothing is left that could ever happen")
        self._instant = max(self._instant, timers[0][0])

    def _run(self, call: Any, context: Context) -> None:
        process = context.get(PROCESS)
        if process is not None and process.is_frozen:
            process.withheld.append(call)
        else:
            context.run(call._callback, *call._args)  # noqa: SLF001

    def continue_with(self, handles: list[Any]) -> None:
        """Run what was kept of a process that was frozen."""
        self._ready.extend(handles)


class Call(asyncio.TimerHandle):
    """What is called soon or at an instant, without what the handles of the standard library keep for debugging."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = arguments
        self._context = copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        # What it would have called is not kept alive until its time has come.
        self._callback, self._args = _nothing, ()


def _nothing() -> None:
    """What a call that was cancelled would do."""


class Cuttable(Protocol):
    """What a message is sent over."""

    is_cut: bool


class Arrival:
    """A message that arrives unless its wire is cut, as the loop runs it: in no process."""

    __slots__ = ("arrive", "content", "wire")

    def __init__(self, wire: "Cuttable", arrive: Callable[..., None], content: tuple[Any, ...]) -> None:
        self.wire = wire
        self.arrive = arrive
        self.content = content

    def cancelled(self) -> bool:
        return False


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

"""How fresh an answer is: it says its position, and waits, briefly, for the one the client has seen."""

import asyncio
import heapq
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from starlette.requests import Request

from libs.chassis.moments import read_position
from libs.chassis.problems import Problem
from libs.chassis.sessions import is_transient

POSITION_HEADER = "Milepost-Position"
WAIT_SECONDS_MAX = 5.0
WAITERS_MAX = 1_000
# How soon after somebody has begun to wait, and then how often, it is looked whether another process has come so far.
WATCH_SECONDS = 0.05
# How often when nobody waits.
WATCH_IDLE_SECONDS = 0.5
PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.IGNORECASE)


@dataclass
class Progress:
    """How far this process's data reaches; whoever waits for a position is woken when it is reached."""

    position: int = 0
    _waiting: list[tuple[int, int, "asyncio.Future[None]"]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    def advance(self, position: int) -> None:
        """Say that everything up to `position` can be read now. Going back (a rebuild) wakes nobody."""
        self.position = position
        while self._waiting and self._waiting[0][0] <= position:
            _, _, reached = heapq.heappop(self._waiting)
            if not reached.done():
                reached.set_result(None)

    async def wait_for(self, position: int, seconds: float) -> bool:
        """Wait until `position` can be read, at most `seconds`; whether it can. With too many waiting: false."""
        if self.position >= position:
            return True
        self._wanted.set()
        if seconds <= 0 or len(self._waiting) >= WAITERS_MAX:
            return False
        reached = asyncio.get_running_loop().create_future()
        entry = (position, next(self._order), reached)
        heapq.heappush(self._waiting, entry)
        try:
            async with asyncio.timeout(seconds):
                await reached
        except TimeoutError:
            return self.position >= position
        finally:
            # Given up; unless it was reached in the same moment, and is waited for no more.
            if (not reached.done() or reached.cancelled()) and entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
        return True

    async def watch(self, read: Callable[[], Awaitable[int]]) -> None:
        """Follow, for ever, what another process has reached, as `read` tells it; survives its outages."""
        while True:
            before = self.position
            self._wanted.clear()
            try:
                position = await read()
            except Exception as error:
                if not is_transient(error):
                    raise
            else:
                # Whoever advanced meanwhile in this process knows better.
                if self.position == before:
                    self.advance(position)
            await self._until_wanted()

    async def _until_wanted(self) -> None:
        """Until somebody wants to be further than this; else for a while, as some ask without waiting."""
        if not self._waiting:
            try:
                async with asyncio.timeout(WATCH_IDLE_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                return
        await asyncio.sleep(WATCH_SECONDS)


def wait_seconds(prefer: str | None) -> float:
    """`Prefer: wait=N` in seconds, at most 5; 0 where nothing understandable is said."""
    match = PREFER_WAIT.search(prefer) if prefer else None
    return min(float(match[1]), WAIT_SECONDS_MAX) if match else 0.0


async def fresh_enough(request: Request, progress: Progress) -> int:
    """Wait as the request asks (`min_position`, `Prefer: wait`); returns the position it can be answered from.

    Raises `Problem` 503 `projection_behind` if it is not reached in time, 422 if it is malformed.
    """
    wanted = request.query_params.get("min_position")
    if wanted is not None:
        position = read_position("min_position", wanted)
        if not await progress.wait_for(position, wait_seconds(request.headers.get("prefer"))):
            raise behind(progress.position)
    return progress.position


def behind(position: int) -> Problem:
    """The 503 of a question about what is not projected yet; it tells how far the data reaches."""
    headers = {"Retry-After": "1", POSITION_HEADER: str(position)}
    return Problem(503, "projection_behind", headers=headers, extra={"position": position})

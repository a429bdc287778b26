"""The streams of events that are open in this process: how many there may be, and the clock that looks after them."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from libs.chassis import problem_codes
from libs.chassis.problems import Problem
from services.projects import measuring
from services.projects.event_streaming import EndReason, EventStream

TICK_SECONDS = 1.0

problem_codes.register(
    "too_many_streams",
    429,
    "Too many streams",
    "You, your organization or this process have as many open streams of events as there may be. Close one first.",
)


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many streams may be open at a time, in each process."""

    in_all: int = 2_000
    of_organization: int = 200
    of_person: int = 5


class OpenStreams:
    """Holds the places of streams. `run` looks after them and ends them all when `stopping` is set."""

    def __init__(self, limits: StreamLimits, stopping: asyncio.Event) -> None:
        self._limits = limits
        self._stopping = stopping
        self._streams: set[EventStream] = set()
        self._held: Counter[UUID | tuple[UUID, UUID]] = Counter()
        measuring.STREAMS_OPEN.set_function(lambda: len(self._streams))

    @contextmanager
    def place(self, stream: EventStream) -> Iterator[None]:
        """A place while the body runs; raises `Problem` 429 if there is none, 503 while the process stops."""
        if self._stopping.is_set():
            raise Problem(503, "unavailable", headers={"Retry-After": "1", "Connection": "close"})
        person = (stream.org_id, stream.actor)
        if (
            len(self._streams) >= self._limits.in_all
            or self._held[stream.org_id] >= self._limits.of_organization
            or self._held[person] >= self._limits.of_person
        ):
            raise Problem(429, "too_many_streams", headers={"Retry-After": "30"})
        self._streams.add(stream)
        self._held.update((stream.org_id, person))
        try:
            yield
        finally:
            self._streams.discard(stream)
            for holder in (stream.org_id, person):
                self._held[holder] -= 1
                if not self._held[holder]:
                    del self._held[holder]

    async def run(self) -> None:
        """For ever: a look at every stream each second, and their end at once when the process stops."""
        while not await self._is_stopping_within(TICK_SECONDS):
            for stream in list(self._streams):
                stream.tick()
        for stream in list(self._streams):
            stream.end(EndReason.SERVER_STOPPING)
        await asyncio.Event().wait()

    async def _is_stopping_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

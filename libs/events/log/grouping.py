"""Concurrent appends of one process, sent to the log in groups.

One call is in flight at a time; what arrives meanwhile goes with the next. Each item gets its own outcome,
and gives it to whoever waits, even if another one of its group failed or its waiter went away.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import stamina

from libs.chassis import tracing
from libs.chassis.sessions import is_transient
from libs.events.log.log import Log
from libs.events.log.measuring import APPEND_GROUP_ITEMS, APPEND_SECONDS
from libs.events.log.recording import Conflict, Outcome, Recording

GROUP_ITEMS_MAX = 256
WAITING_ITEMS_MAX = 4_096
RESOLVING_SECONDS_MAX = 5.0


class Overloaded(Exception):
    """More items wait for the log than it can take soon; nothing of this one was recorded."""


class NoRoom(Exception):
    """The disk of the log is full; nothing of this item was recorded, whatever calls there were before."""


class OutcomeUnknown(Exception):
    """The log did not answer, and could not be asked whether the item was recorded."""


@dataclass(slots=True)
class _Waiting:
    """Items that go to the log together, and the outcomes for whoever waits, and cancels them on going away."""

    recordings: Sequence[Recording]
    outcomes: "asyncio.Future[list[Outcome]]"

    @property
    def is_abandoned(self) -> bool:
        """Nobody waits any more. What was not sent by then must not be sent later, when the client may long have been
        told something else by another process.
        """
        return self.outcomes.cancelled()


def _may_be_answered(error: Exception) -> bool:
    """Whether to ask at once again; room is made by people, not in a second."""
    return is_transient(error) and not isinstance(error, asyncpg.DiskFullError)


class GroupedAppends:
    """The queue before the log. `run` must be running for anything to be recorded.

    `after_append` is called after every call that may have recorded something: it wakes the relay.
    """

    def __init__(self, log: Log, after_append: Callable[[], None] = lambda: None) -> None:
        self._log = log
        self._after_append = after_append
        self._by_organization: dict[UUID, deque[_Waiting]] = {}
        self._chunks: deque[_Waiting] = deque()
        self._waiting_items = 0
        self._arrived = asyncio.Event()

    async def append(self, recording: Recording) -> Outcome:
        """Record one item; raises `Overloaded`, `NoRoom` or `OutcomeUnknown`, or what Postgres objected to."""
        waiting = self._admit((recording,))
        self._by_organization.setdefault(recording.org_id, deque()).append(waiting)
        with tracing.span("append"):
            return (await waiting.outcomes)[0]

    async def append_chunk(self, recordings: Sequence[Recording]) -> list[Outcome]:
        """Record the items of an import, in order and in one call, between the groups of commands."""
        waiting = self._admit(recordings)
        self._chunks.append(waiting)
        with tracing.span("append"):
            return await waiting.outcomes

    async def run(self) -> None:
        """Send groups for ever; cancel it to stop, after the last request was answered."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._by_organization or self._chunks:
                if group := self._next_group():
                    await self._send(group)
                if self._chunks:
                    chunk = self._chunks.popleft()
                    self._waiting_items -= len(chunk.recordings)
                    await self._send([chunk])

    def _admit(self, recordings: Sequence[Recording]) -> _Waiting:
        if self._waiting_items >= WAITING_ITEMS_MAX:
            raise Overloaded
        self._waiting_items += len(recordings)
        self._arrived.set()
        return _Waiting(recordings, asyncio.get_running_loop().create_future())

    def _next_group(self) -> list[_Waiting]:
        """One item of each organization in turn, so that a busy one does not keep the others waiting."""
        group: list[_Waiting] = []
        while self._by_organization and len(group) < GROUP_ITEMS_MAX:
            for organization in list(self._by_organization):
                queue = self._by_organization[organization]
                group.append(queue.popleft())
                if not queue:
                    del self._by_organization[organization]
                if len(group) == GROUP_ITEMS_MAX:
                    break
        self._waiting_items -= len(group)
        return group

    async def _send(self, taken: list[_Waiting]) -> None:
        group = [waiting for waiting in taken if not waiting.is_abandoned]
        recordings = [recording for waiting in group for recording in waiting.recordings]
        if not recordings:
            return
        APPEND_GROUP_ITEMS.observe(len(recordings))
        try:
            with APPEND_SECONDS.time():
                outcomes = await self._log.append(recordings)
        except Exception:
            await asyncio.gather(*(self._send_alone(waiting) for waiting in group))
        else:
            _give(group, outcomes)
        self._after_append()

    async def _send_alone(self, waiting: _Waiting) -> None:
        """The call failed: find out whether these items were recorded, else send them once more."""
        try:
            async with asyncio.timeout(RESOLVING_SECONDS_MAX):
                outcomes = [await self._settle(recording) for recording in waiting.recordings]
        except Exception as error:
            if not waiting.outcomes.done():
                waiting.outcomes.set_exception(_meaning(error))
                waiting.outcomes.exception()
        else:
            _give([waiting], outcomes)

    @stamina.retry(on=_may_be_answered, attempts=4, wait_initial=0.1, wait_max=1.0, timeout=None)
    async def _settle(self, recording: Recording) -> Outcome:
        if (appended := await self._log.resolve(recording)) is not None:
            return appended
        [outcome] = await self._log.append([recording])
        if isinstance(outcome, Conflict):
            # The first call may have been alive still: then the conflict is with ourselves.
            return await self._log.resolve(recording) or outcome
        return outcome


def _meaning(error: Exception) -> Exception:
    """What is told to whoever waits.

    A call that found the disk full held the lock, so that every call before it had ended: it would have found what
    they recorded.
    """
    match error:
        case asyncpg.DiskFullError():
            return NoRoom()
        case TimeoutError():
            return OutcomeUnknown()
    return OutcomeUnknown() if is_transient(error) else error


def _give(group: list[_Waiting], outcomes: list[Outcome]) -> None:
    first = 0
    for waiting in group:
        last = first + len(waiting.recordings)
        if not waiting.outcomes.done():
            waiting.outcomes.set_result(outcomes[first:last])
        first = last

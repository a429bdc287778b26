"""Load, decide, append: once, for every command of every aggregate.

One round trip per command when the aggregate is in memory. A command that lost a race decides again; what the
log says of the idempotency key comes before any refusal, because the first attempt may have succeeded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.chassis.clock import utc_now
from libs.events.envelope import StreamKey
from libs.events.log.grouping import GroupedAppends
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Conflict, KeyReused, Outcome, Replayed
from services.projects.aggregate import Rejection
from services.projects.deciding import NO_PENDING, CommandRequest, Decided, Decider, Pending
from services.projects.loading import Aggregates, Loaded
from services.projects.refusals import (
    Contended,
    KeyInUse,
    KeyMisused,
    NewerHistory,
    NotFound,
    VersionMismatch,
)

ATTEMPTS_MAX = 4


@dataclass(slots=True)
class Handled:
    """The answer to a command; `was_replayed` says that it was given before."""

    answer: Answer
    position: int
    was_replayed: bool = False


class CommandHandler:
    """Handles commands of one process. `clock` tells the instant, aware and in UTC."""

    def __init__(
        self,
        log: Log,
        appends: GroupedAppends,
        aggregates: Aggregates,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._log = log
        self._appends = appends
        self._aggregates = aggregates
        self._decider = Decider(log, aggregates, clock)
        self._running: set[tuple[UUID, UUID, str]] = set()

    async def handle(self, request: CommandRequest) -> Handled:
        """Handle one command; raises a `Rejection` or one of this module's refusals."""
        if request.key is None:
            return await self._handle(request)
        running = (request.org_id, request.actor, request.key.key)
        if running in self._running:
            raise KeyInUse
        self._running.add(running)
        try:
            return await self._handle(request)
        finally:
            self._running.discard(running)

    async def _handle(self, request: CommandRequest) -> Handled:
        try:
            for attempt in range(ATTEMPTS_MAX):
                decided = await self.decide(request, is_first_attempt=attempt == 0)
                if not decided.recording.events and request.key is None:
                    return Handled(decided.recording.answer, decided.before.position)
                outcome = await self._appends.append(decided.recording)
                if not isinstance(outcome, Conflict):
                    return self.settle(request, decided, outcome)
                self._aggregates.evict(request.stream_key, decided.before.version)
            raise Contended
        except (Rejection, NotFound, VersionMismatch, Contended, NewerHistory):
            if (known := await self._recalled(request)) is not None:
                return known
            raise

    async def decide(
        self, request: CommandRequest, pending: Pending = NO_PENDING, *, is_first_attempt: bool = True
    ) -> Decided:
        """Decide without recording; imports record many decisions at once.

        What is recorded has its version checked by the log, and so has what only its key is recorded of. A refusal
        has not: if another process has moved the aggregate on meanwhile, it is decided again.
        """
        known = self._aggregates.known(request.stream_key)
        try:
            decided = await self._decider.decide(request, pending, is_first_attempt=is_first_attempt)
            if decided.recording.events or request.key is not None or request.stream_key in pending:
                return decided
        except (Rejection, VersionMismatch):
            if not await self._has_moved_on(request, known):
                raise
        else:
            if not await self._has_moved_on(request, known):
                return decided
        return await self._decider.decide(request, pending, is_first_attempt=False)

    def forget(self, request: CommandRequest) -> None:
        """Load the aggregate anew next time: what this process knew of it proved stale."""
        self._aggregates.forget(request.stream_key)

    def settle(self, request: CommandRequest, decided: Decided, outcome: Outcome) -> Handled:
        """Turn what the log said into the answer, and remember the aggregate that is true now."""
        match outcome:
            case Appended():
                if decided.recording.events:
                    self._aggregates.put(
                        request.stream_key, decided.after(outcome.position, outcome.recorded_at)
                    )
                    for expectation in decided.recording.expectations[1:]:
                        self._aggregates.forget(StreamKey(request.org_id, expectation.stream))
                return Handled(decided.recording.answer, outcome.position)
            case Replayed():
                return Handled(outcome.answer, outcome.position, was_replayed=True)
            case KeyReused():
                raise KeyMisused
            case Conflict():
                raise Contended

    async def _has_moved_on(self, request: CommandRequest, known: Loaded | None) -> bool:
        """Whether the log has more of the aggregate than this process remembered; it is remembered from now on."""
        if known is None:
            return False
        loaded = await self._aggregates.current(request.aggregate, request.org_id, request.entity_id)
        return loaded is not None and loaded.version > known.version

    async def _recalled(self, request: CommandRequest) -> Handled | None:
        if request.key is None:
            return None
        known = await self._log.recall(request.org_id, request.actor, [request.key])
        match known.get(request.key.key):
            case Replayed() as replayed:
                return Handled(replayed.answer, replayed.position, was_replayed=True)
            case KeyReused():
                raise KeyMisused
        return None

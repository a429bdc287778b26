"""The log as it grows, read once for all streams of a process, each of which is told what it wants of it.

Streams that want the same get the same bytes. A stream that does not take them goes on from the database.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

from libs.access.visibility import ACCESS_AGGREGATES, ORGANIZATION_AGGREGATE
from libs.chassis.leading import backoff_seconds
from libs.chassis.postgres import Database, is_transient
from libs.events.envelope import aggregate_of, entity_id_of
from libs.events.log.log import read_head
from libs.events.log.selecting import Selection

POLL_SECONDS = 0.1
BATCH_POSITIONS = 128
QUEUE_EVENTS_MAX = 256
PIECE_BYTES_MAX = 256 * 1024
NEVER = 2**63

READ = """
    select position, org_id, project_id, type, stream, cloud_event(events) as body
    from events where position > $1 and position <= $2 and org_id = any($3) order by position
"""

log = structlog.get_logger(__name__)


class Told(NamedTuple):
    """An event on its way to streams, its frame ready to be sent."""

    position: int
    project_id: UUID | None
    type: str
    stream: str
    frame: bytes


class Piece(NamedTuple):
    """Frames to be sent at once; `position` is that of the last."""

    frames: bytes
    events: int
    position: int


@dataclass(eq=False, slots=True)
class Follower:
    """Somebody at the tail, who is woken for every event they want behind `reached`.

    Detached, they get nothing more, because they fell behind (`is_lagging`), because an event at `reached + 1` may
    change what they see (`must_ask`), or because they left.
    """

    selection: Selection
    actor: UUID
    reached: int
    wake: Callable[[], None]
    is_attached: bool = True
    is_lagging: bool = False
    must_ask: bool = False
    pieces: deque[Piece] = field(default_factory=deque)
    events: int = 0

    def take(self) -> list[Piece]:
        """What has come since the last time, in order."""
        taken = list(self.pieces)
        self.pieces.clear()
        self.events = 0
        return taken


class EventTail:
    """Share one between all streams of a process; `database` is read in a role that sees all organizations."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = 0
        self._groups: dict[UUID, dict[Selection, set[Follower]]] = {}
        # Those who have read further than the tail, or whose organization is not in the batch that is being read.
        self._ahead: set[Follower] = set()
        self._is_reading = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that the log may have grown; without it the tail looks every 100 ms."""
        self._woken.set()

    def follow(
        self, selection: Selection, actor: UUID, position: int, wake: Callable[[], None]
    ) -> Follower | None:
        """Be told what comes behind a position; `None` if the tail is past it already: read on first."""
        if not self._groups and not self._ahead:
            self._position = position
        if position < self._position:
            return None
        follower = Follower(selection, actor, position, wake)
        if position == self._position and (not self._is_reading or selection.org_id in self._groups):
            self._enter(follower)
        else:
            self._ahead.add(follower)
        self.wake()
        return follower

    def leave(self, follower: Follower) -> None:
        """Be told nothing more; whatever was not taken is forgotten with the follower."""
        follower.is_attached = False
        self._ahead.discard(follower)
        groups = self._groups.get(follower.selection.org_id, {})
        group = groups.get(follower.selection, set())
        group.discard(follower)
        if not group:
            groups.pop(follower.selection, None)
        if not groups:
            self._groups.pop(follower.selection.org_id, None)

    async def run(self) -> None:
        """Read on, for ever, whenever somebody follows; survives every outage of the database."""
        failures = 0
        while True:
            await self._wait()
            try:
                while (self._groups or self._ahead) and await self._read_on():
                    pass
                failures = 0
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("event_tail_interrupted", error=type(error).__name__)
                await asyncio.sleep(backoff_seconds(failures))
                failures += 1

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS if self._groups or self._ahead else None):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _read_on(self) -> bool:
        """Tell the next batch; whether there may be more."""
        position = self._position
        self._is_reading = True
        try:
            head, upto, told = await self._read(position)
        finally:
            self._is_reading = False
        if position != self._position or upto < position:
            # Everybody left meanwhile, and somebody came back elsewhere; or the log is an older copy of itself.
            return False
        for org_id in list(self._groups):
            self._tell(org_id, told.get(org_id, ()), upto)
        self._position = upto
        self._let_in(upto)
        return upto < head

    async def _read(self, position: int) -> tuple[int, int, dict[UUID, list[Told]]]:
        """The head, how far the batch goes, and its events by organization."""
        told: dict[UUID, list[Told]] = {}
        async with self._database.connection() as connection:
            head = await read_head(connection)
            # Followers enter between batches only, so a batch ends where the next of them begins.
            upto = min([head, position + BATCH_POSITIONS, *(each.reached for each in self._ahead)])
            if upto > position and self._groups:
                for row in await connection.fetch(READ, position, upto, list(self._groups)):
                    told.setdefault(row["org_id"], []).append(_told(row))
        return head, upto, told

    def _let_in(self, position: int) -> None:
        for follower in list(self._ahead):
            if follower.reached == position:
                self._ahead.discard(follower)
                self._enter(follower)
            elif follower.reached < position:
                follower.is_lagging = True
                self.leave(follower)
                follower.wake()

    def _enter(self, follower: Follower) -> None:
        groups = self._groups.setdefault(follower.selection.org_id, {})
        groups.setdefault(follower.selection, set()).add(follower)

    def _tell(self, org_id: UUID, events: Sequence[Told], upto: int) -> None:
        everybody, concerned = _whose_access_changes(events)
        for selection, group in list(self._groups[org_id].items()):
            wanted = [event for event in events if selection.takes(event.project_id, event.type)]
            pieces = list(pieces_of(wanted))
            for follower in list(group):
                until = min(everybody, concerned.get(follower.actor, upto + 1))
                if until <= upto:
                    before = [event for event in wanted if event.position < until]
                    self._put(follower, list(pieces_of(before)), until - 1)
                    follower.must_ask = True
                    self.leave(follower)
                    follower.wake()
                else:
                    self._put(follower, pieces, upto)

    def _put(self, follower: Follower, pieces: Sequence[Piece], upto: int) -> None:
        follower.reached = upto
        if not pieces:
            return
        follower.events += sum(piece.events for piece in pieces)
        if follower.events > QUEUE_EVENTS_MAX:
            follower.is_lagging = True
            follower.pieces.clear()
            self.leave(follower)
        else:
            follower.pieces.extend(pieces)
        follower.wake()


def _told(row: asyncpg.Record) -> Told:
    whole = frame(row["position"], row["body"].encode())
    return Told(row["position"], row["project_id"], row["type"], row["stream"], whole)


def frame(position: int, body: bytes) -> bytes:
    """An event as a stream sends it; JSON of the log has no line breaks."""
    return b"id: %d\ndata: %s\n\n" % (position, body)


def pieces_of(events: Sequence[Told]) -> Iterator[Piece]:
    """The frames of events in pieces of at most 256 KiB, but one event at least."""
    frames: list[bytes] = []
    size, position = 0, 0
    for event in events:
        if frames and size + len(event.frame) > PIECE_BYTES_MAX:
            yield Piece(b"".join(frames), len(frames), position)
            frames, size = [], 0
        frames.append(event.frame)
        size += len(event.frame)
        position = event.position
    if frames:
        yield Piece(b"".join(frames), len(frames), position)


def _whose_access_changes(events: Sequence[Told]) -> tuple[int, dict[UUID, int]]:
    """The first positions at which what everybody, and what somebody, may see may become another."""
    everybody = NEVER
    concerned: dict[UUID, int] = {}
    for event in events:
        aggregate = aggregate_of(event.stream)
        if aggregate == ORGANIZATION_AGGREGATE:
            everybody = min(everybody, event.position)
        elif aggregate in ACCESS_AGGREGATES:
            concerned.setdefault(entity_id_of(event.stream), event.position)
    return everybody, concerned

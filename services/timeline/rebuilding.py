"""Rebuilding: projections are filled anew beside the live ones, and take their places in one transaction.

One pass of the log fills all of them. Until the switch nothing of them can be seen. The old ones are kept, with
their checkpoints, for a rollback. What cannot be applied fails the rebuild at once: nothing is parked, and the live
projections stay as they are.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from libs.access.offboarding import forgotten_organizations
from libs.chassis.migrations import quoted
from libs.chassis.postgres import Connection
from libs.chassis.provisioning import Login, in_database
from libs.events import catalogue, parking
from libs.events.consuming import Position
from libs.events.envelope import Envelope, Event
from libs.events.writing import write_together
from services.timeline import projections
from services.timeline.migrating import connect_as_owner
from services.timeline.projection import Projection, UnknownEntity
from services.timeline.projections import FILLED, RETIRED

PAGE_EVENTS = 2_000
TRY_LOCK = "select pg_try_advisory_lock(hashtextextended('milepost.timeline.rebuild.' || $1, 0))"

Report = Callable[[int, int], None]


class RebuildFailed(Exception):
    """The projection could not be rebuilt; the live one is untouched. The text says what to do."""


class Feed(Protocol):
    """The log, read in order; `head` is the position of its last event."""

    async def page(self, after: int, limit: int) -> list[Envelope]: ...
    async def head(self) -> int: ...
    async def place(self, position: int) -> Position: ...


@dataclass(frozen=True, slots=True)
class Result:
    names: Sequence[str]
    position: int


async def rebuild(
    rebuilt: Sequence[Projection],
    admin_dsn: str,
    service_dsn: str,
    feed: Feed,
    report: Report = lambda done, goal: None,
    page_events: int = PAGE_EVENTS,
) -> Result:
    """Fill projections from the beginning of the log, all in one pass, then switch. `report` hears position and goal.

    Raises `RebuildFailed` when another rebuild of one of them is under way, when an event cannot be applied, or when
    an operator decided about parked events meanwhile; and what Postgres and the feed raise.
    """
    async with _owner(in_database(admin_dsn, Login.of(service_dsn).database), rebuilt) as connection:
        schemas = [f"{projection.name}{FILLED}" for projection in rebuilt]
        async with connection.transaction():
            for projection, schema in zip(rebuilt, schemas, strict=True):
                await connection.execute(f"drop schema if exists {quoted(schema)} cascade")
                await projections.create_schema(connection, projection, schema)
        filling = _Filling(rebuilt, connection, feed, report, page_events)
        await filling.enter(schemas)
        await filling.catch_up(await _goal(connection, feed))
        await filling.complete()
        return await filling.switch(schemas)


async def rollback(projection: Projection, admin_dsn: str, service_dsn: str, feed: Feed) -> Result:
    """Put the projection that was replaced back, caught up; the present one is kept in its place.

    Raises `RebuildFailed` when there is none, and as `rebuild` does.
    """
    async with _owner(in_database(admin_dsn, Login.of(service_dsn).database), [projection]) as connection:
        schema = f"{projection.name}{RETIRED}"
        position = await connection.fetchval("select position from checkpoints where name = $1", schema)
        if position is None or not await projections.exists(connection, schema):
            raise RebuildFailed(f"no earlier {projection.name} was kept")
        filling = _Filling([projection], connection, feed, lambda done, goal: None, PAGE_EVENTS, position)
        await filling.enter([schema])
        return await filling.switch([schema])


class _Filling:
    """Projections on their way to the head, in schemas nobody reads yet."""

    def __init__(
        self,
        rebuilt: Sequence[Projection],
        connection: Connection,
        feed: Feed,
        report: Report,
        page_events: int,
        position: int = 0,
    ) -> None:
        self._rebuilt = rebuilt
        self._names = [projection.name for projection in rebuilt]
        self._connection = connection
        self._feed = feed
        self._report = report
        self._page_events = page_events
        self._position = Position(position, None)
        self._first_position = position
        self._left_out: set[int] = set()
        self._forgotten: frozenset[UUID] = frozenset()
        self._is_complete = position > 0

    async def enter(self, schemas: Sequence[str]) -> None:
        """Find the projections' tables in these schemas first. Nothing here needs to survive a crash by itself."""
        await self._connection.execute(f"set search_path to {projections.search_path(*schemas)}")
        await self._connection.execute("set synchronous_commit to off")
        self._forgotten = await forgotten_organizations(self._connection)

    async def catch_up(self, goal: int) -> None:
        """Apply everything up to a position; the next page is fetched while one is written."""
        following = asyncio.ensure_future(self._page(self._position.number, goal))
        try:
            while self._position.number < goal:
                page = await following
                if not page:
                    raise RebuildFailed(f"the log ends at {self._position.number}, before position {goal}")
                following = asyncio.ensure_future(self._page(page[-1].position, goal))
                await self._write(page)
                self._report(self._position.number, goal)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def complete(self) -> None:
        """Everything the live projections have: what folding left out, and the indexes."""
        async with self._connection.transaction():
            for projection in self._rebuilt:
                await projection.complete(self._connection)
                await projections.create_indexes(self._connection, projection)
        self._is_complete = True

    async def _page(self, after: int, goal: int) -> list[Envelope]:
        limit = min(self._page_events, goal - after)
        return await self._feed.page(after, limit) if limit > 0 else []

    async def _write(self, page: Sequence[Envelope]) -> None:
        async with self._connection.transaction():
            left_out = await _left_out(self._connection, page[0].position, page[-1].position)
            try:
                events = [catalogue.read(each) for each in self._wanted(page, left_out)]
                for projection in self._rebuilt:
                    await self._fold(projection, events)
            except (catalogue.UnknownEvent, catalogue.InvalidEvent, UnknownEntity) as error:
                raise RebuildFailed(str(error)) from error
        self._left_out |= left_out
        self._position = Position(page[-1].position, page[-1].event_id)

    def _wanted(self, page: Sequence[Envelope], left_out: Collection[int]) -> Iterator[Envelope]:
        for envelope in page:
            is_theirs = any(projection.concerns(envelope) for projection in self._rebuilt)
            if is_theirs and envelope.position not in left_out:
                yield envelope

    async def _fold(self, projection: Projection, events: Sequence[Event]) -> None:
        if self._forgotten and projection.is_of_organizations:
            events = [event for event in events if event.envelope.org_id not in self._forgotten]
        if self._is_complete:
            await write_together(self._connection, await projection.apply(self._connection, events))
        else:
            await projection.fold(self._connection, events)

    async def switch(self, schemas: Sequence[str]) -> Result:
        """Hold the live projections still, catch up with them, and take their places; all or nothing."""
        connection = self._connection
        async with connection.transaction():
            await connection.execute("set local synchronous_commit to on; set local lock_timeout to '10s'")
            live = await connection.fetch(
                "select position from checkpoints where name = any($1) order by name for update", self._names
            )
            await self.catch_up(max(self._position.number, *(row["position"] for row in live), 0))
            await self._check_parking()
            for schema, name in zip(schemas, self._names, strict=True):
                await _exchange(connection, schema, name)
            await projections.open_schemas(connection, self._names)
            await connection.execute(
                "insert into checkpoints (name, position, event_id)"
                " select name, $2, $3 from unnest($1::text[]) as name on conflict (name)"
                " do update set position = excluded.position,"
                " event_id = coalesce(excluded.event_id, checkpoints.event_id), updated_at = now()",
                self._names,
                *self._position,
            )
        return Result(self._names, self._position.number)

    async def _check_parking(self) -> None:
        """What was left out must be what is parked or skipped now, or something would be applied twice."""
        left_out = await _left_out(self._connection, self._first_position + 1, self._position.number)
        if left_out != self._left_out:
            raise RebuildFailed("parked events were decided about during the rebuild; start it again")


async def _goal(connection: Connection, feed: Feed) -> int:
    """How far the live projections have come; where they followed another log, the head of this one.

    Not further: what lies beyond may still have to be parked, and then it must not have been applied here.
    """
    row = await connection.fetchrow(
        "select position, event_id from checkpoints where name = any($1) order by position desc limit 1",
        projections.names(),
    )
    if row is not None and row["position"] and row["event_id"] is not None:
        there = await feed.place(row["position"])
        if there.event_id == row["event_id"]:
            return there.number
    return await feed.head()


async def _left_out(connection: Connection, first: int, last: int) -> set[int]:
    """Positions that wait in parked sequences, or were skipped by an operator."""
    rows = await connection.fetch(
        "select position from parked_events where position between $1 and $2", first, last
    )
    skipped = await parking.skipped_positions(connection)
    return {row["position"] for row in rows} | {each for each in skipped if first <= each <= last}


async def _exchange(connection: Connection, schema: str, name: str) -> None:
    """Rename: what is live becomes the retired one, with its checkpoint; `schema` becomes the live one."""
    retired, incoming = f"{name}{RETIRED}", f"{name}{FILLED}"
    if schema == retired:
        await connection.execute(f"drop schema if exists {quoted(incoming)} cascade")
        await connection.execute(f"alter schema {quoted(schema)} rename to {quoted(incoming)}")
    await connection.execute(f"drop schema if exists {quoted(retired)} cascade")
    await connection.execute("delete from checkpoints where name = $1", retired)
    if await projections.exists(connection, name):
        await connection.execute(f"alter schema {quoted(name)} rename to {quoted(retired)}")
        await connection.execute(
            "insert into checkpoints (name, position, event_id)"
            " select $2, position, event_id from checkpoints where name = $1",
            name,
            retired,
        )
    await connection.execute(f"alter schema {quoted(incoming)} rename to {quoted(name)}")


@asynccontextmanager
async def _owner(database_dsn: str, rebuilt: Sequence[Projection]) -> AsyncIterator[Connection]:
    """The owner's connection, while nobody else rebuilds one of the same projections."""
    connection = await connect_as_owner(database_dsn)
    try:
        for projection in rebuilt:
            if not await connection.fetchval(TRY_LOCK, projection.name):
                raise RebuildFailed(f"another rebuild of {projection.name} is under way")
        yield connection
    finally:
        await connection.close(timeout=5)

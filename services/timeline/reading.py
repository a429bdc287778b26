"""Where questions are answered from: one snapshot of the read models, at a position that is known.

Nothing is answered from beyond what was projected: then the answer is to ask again, or, where the log itself
has not come that far, that there is no such position.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from libs.chassis.faults import wrong_parameter
from libs.chassis.freshness import behind
from libs.chassis.organizations import Organizations
from libs.chassis.problem_codes import register
from libs.chassis.problems import Problem
from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope
from libs.events.feed import FeedUnavailable
from services.timeline.as_of import AsOf
from services.timeline.asking import Reading, Scope

CHECKPOINT = """
select coalesce(min(position), 0) as position, count(*) as count from checkpoints where name = any($1)
"""
POSITION_OF = "select position from moments where recorded_at <= $1 order by recorded_at desc limit 1"
INSTANT_OF = """
(select recorded_at from moments where position >= $1 order by position limit 1)
union all
(select recorded_at from moments order by position desc limit 1)
limit 1
"""


class Log(Protocol):
    """What the reader asks the log itself, which knows more than was projected."""

    async def page(self, after: int, limit: int) -> list[Envelope]: ...


class Reader:
    """Opens snapshots as of then. `names` are the checkpoints of the projections it reads."""

    def __init__(self, organizations: Organizations, names: Sequence[str], log: Log | None) -> None:
        self._organizations = organizations
        self._names = list(names)
        self._log = log

    async def position(self) -> int:
        """The position up to which every projection has come."""
        async with self._organizations.nobody() as connection:
            return await self._checkpoint(connection)

    @asynccontextmanager
    async def at(
        self, scope: Scope, as_of: int | datetime | None, effective_at: datetime | None
    ) -> AsyncIterator[Reading]:
        """A snapshot for one question.

        Raises `Problem`: 422 `as_of_beyond_head` for a position the log does not have, 503
        `projection_behind` for one that is recorded but not projected yet.
        """
        if as_of is not None:
            await self._await_projected(as_of)
        async with self._organizations.transaction(scope.org_id, readonly=True) as connection:
            newest = await self._checkpoint(connection)
            position = await _position(connection, as_of, newest)
            recorded_at = await connection.fetchval(INSTANT_OF, position) if position else None
            is_newest = position == newest
            yield Reading(connection, scope, AsOf(position, recorded_at, effective_at, is_newest))

    async def _checkpoint(self, connection: Connection) -> int:
        row = await connection.fetchrow(CHECKPOINT, self._names)
        return int(row["position"]) if row and row["count"] == len(self._names) else 0

    async def _await_projected(self, as_of: int | datetime) -> None:
        """Return if everything the question may count was projected; raise otherwise."""
        async with self._organizations.nobody() as connection:
            newest = await self._checkpoint(connection)
            if isinstance(as_of, int):
                if as_of <= newest:
                    return
            elif newest and as_of < await connection.fetchval(INSTANT_OF, newest):
                return
        if isinstance(as_of, int):
            if not await self._next(as_of - 1):
                raise beyond_head()
            raise behind(newest)
        following = await self._next(newest)
        if following and following[0].recorded_at <= as_of:
            raise behind(newest)

    async def _next(self, position: int) -> list[Envelope]:
        """The event behind a position, if there is one. A log that does not answer may have it."""
        if self._log is None:
            return []
        try:
            return await self._log.page(position, 1)
        except FeedUnavailable as error:
            raise behind(position) from error


async def _position(connection: Connection, as_of: int | datetime | None, newest: int) -> int:
    if as_of is None:
        return newest
    if isinstance(as_of, int):
        return as_of
    return min(newest, await connection.fetchval(POSITION_OF, as_of) or 0)


register("as_of_beyond_head", 422, "As of beyond the head", "Nothing has been recorded at that position yet.")


def beyond_head() -> Problem:
    return wrong_parameter(
        "as_of", "Nothing has been recorded at that position yet.", code="as_of_beyond_head"
    )

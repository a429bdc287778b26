"""Where questions are answered from: one snapshot of the read models, at a position that is known.

Nothing is answered from beyond what was projected: then the answer is to ask again, or, where the log itself
has not come that far, that there is no such position.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple, Protocol

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
select case when count(*) = cardinality($1::text[]) then min(position) else 0 end as position
from checkpoints where name = any($1)
"""
# When a position was recorded; what is parked has no moment of its own.
INSTANT_OF = """coalesce(
    (select recorded_at from moments where moments.position >= {0} order by moments.position limit 1),
    (select recorded_at from moments order by moments.position desc limit 1)
)"""
# One round trip for everything that must be known before a question can be asked in the same snapshot.
STANDPOINT = f"""
select newest.position as newest, chosen.position, {INSTANT_OF.format("newest.position")} as newest_at,
       case when chosen.position > 0 then {INSTANT_OF.format("chosen.position")} end as recorded_at
from ({CHECKPOINT}) as newest
cross join lateral (
    select case when $3::timestamptz is null then coalesce($2::bigint, newest.position)
                else least(newest.position, coalesce(
                    (select position from moments where recorded_at <= $3 order by recorded_at desc limit 1), 0
                )) end as position
) as chosen
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
            position: int = await connection.fetchval(CHECKPOINT, self._names)
            return position

    @asynccontextmanager
    async def at(
        self, scope: Scope, as_of: int | datetime | None, effective_at: datetime | None
    ) -> AsyncIterator[Reading]:
        """A snapshot for one question.

        Raises `Problem`: 422 `as_of_beyond_head` for a position the log does not have, 503
        `projection_behind` for one that is recorded but not projected yet.
        """
        for has_asked_the_log in (False, True):
            async with self._organizations.transaction(scope.org_id, readonly=True) as connection:
                found = await self._standpoint(connection, as_of)
                if has_asked_the_log or found.covers(as_of):
                    yield Reading(connection, scope, found.as_of(effective_at))
                    return
            await self._ask_the_log(as_of, found.newest)

    async def _standpoint(self, connection: Connection, as_of: int | datetime | None) -> "Found":
        position, instant = (as_of, None) if isinstance(as_of, int) else (None, as_of)
        (row,) = await connection.fetch(STANDPOINT, self._names, position, instant)
        return Found(**row)

    async def _ask_the_log(self, as_of: int | datetime | None, newest: int) -> None:
        """Raise if the log has, up to then, what was not projected, or if it has not come that far itself."""
        if isinstance(as_of, int):
            if not await self._next(as_of - 1):
                raise beyond_head()
            raise behind(newest)
        following = await self._next(newest)
        if as_of is not None and following and following[0].recorded_at <= as_of:
            raise behind(newest)

    async def _next(self, position: int) -> list[Envelope]:
        """The event behind a position, if there is one. A log that does not answer may have it."""
        if self._log is None:
            return []
        try:
            return await self._log.page(position, 1)
        except FeedUnavailable as error:
            raise behind(position) from error


class Found(NamedTuple):
    """Where a question stands in a snapshot: how far that goes, and the position asked about, with their instants."""

    newest: int
    position: int
    newest_at: datetime | None
    recorded_at: datetime | None

    def covers(self, as_of: int | datetime | None) -> bool:
        """Whether everything the question may count was projected, as far as can be seen from here."""
        if isinstance(as_of, datetime):
            return self.newest > 0 and self.newest_at is not None and as_of < self.newest_at
        return as_of is None or as_of <= self.newest

    def as_of(self, effective_at: datetime | None) -> AsOf:
        return AsOf(self.position, self.recorded_at, effective_at, self.position == self.newest)


register("as_of_beyond_head", 422, "As of beyond the head", "Nothing has been recorded at that position yet.")


def beyond_head() -> Problem:
    return wrong_parameter(
        "as_of", "Nothing has been recorded at that position yet.", code="as_of_beyond_head"
    )

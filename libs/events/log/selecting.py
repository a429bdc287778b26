"""Events of one organization as somebody may see and wants them: in order, in pages, as ready-made CloudEvents.

A page looks at a bounded piece of the log and says how far it looked, so that a reader of few events advances
as surely as one of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.chassis.load_shedding import ReadShares
from libs.chassis.postgres import Database
from libs.chassis.sessions import Connection
from libs.events.log.log import read_head

PAGE_BYTES_MAX = 1024 * 1024
EXAMINED_MAX = 2_000

# The condition says what `Selection.takes` says.
SELECTED = """
    select position, body, found from (
        select position, body, count(*) over () as found,
               sum(octet_length(body)) over (order by position) - octet_length(body) as bytes_before
        from (
            select position, cloud_event(event) as body from (
                select events as event, position, project_id, type from events
                where org_id = $1 and position > $2 and position <= $3
                order by position limit $9
            ) as examined
            where case when project_id is null then $5 and split_part(type, '.', 1) <> all($6::text[])
                       else $4::uuid[] is null or project_id = any($4) end
              and ($7::text[] is null or type = any($7))
            order by position limit $8
        ) as matching
    ) as measured
    where bytes_before < $10 order by position
"""
LAST_EXAMINED = """
    select position from events where org_id = $1 and position > $2 and position <= $3
    order by position offset $4 limit 1
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events of an organization are wanted. `None` means all, of `projects` as of `types`.

    Events that belong to no project are there if `has_organization`, except those of `hidden_aggregates`.
    """

    org_id: UUID
    projects: frozenset[UUID] | None = None
    types: frozenset[str] | None = None
    has_organization: bool = True
    hidden_aggregates: frozenset[str] = frozenset()

    def takes(self, project_id: UUID | None, event_type: str) -> bool:
        """Whether an event of that organization, project and type is wanted."""
        if self.types is not None and event_type not in self.types:
            return False
        if project_id is None:
            return self.has_organization and event_type.partition(".")[0] not in self.hidden_aggregates
        return self.projects is None or project_id in self.projects


@dataclass(frozen=True, slots=True)
class Page:
    """Positions and CloudEvents JSON of events in order. Nothing else up to `next_after` was wanted."""

    positions: Sequence[int]
    bodies: Sequence[bytes]
    next_after: int


async def read_page(connection: Connection, selection: Selection, after: int, head: int, limit: int) -> Page:
    """Up to `limit` wanted events behind the position `after` and up to `head`, which was read before.

    A page is shorter when its bodies exceed 1 MiB (one event is always there), or when 2,000 events of the
    organization were looked at. `next_after` is where the next page goes on: `head` when this is the last one.
    """
    types = None if selection.types is None else list(selection.types)
    projects = None if selection.projects is None else list(selection.projects)
    rows = await connection.fetch(
        SELECTED,
        selection.org_id,
        after,
        head,
        projects,
        selection.has_organization,
        list(selection.hidden_aggregates),
        types,
        limit,
        EXAMINED_MAX,
        PAGE_BYTES_MAX,
    )
    positions = [row["position"] for row in rows]
    bodies = [row["body"].encode() for row in rows]
    if rows and (rows[0]["found"] == limit or rows[0]["found"] > len(rows)):
        return Page(positions, bodies, positions[-1])
    last_examined: int | None = await connection.fetchval(
        LAST_EXAMINED, selection.org_id, after, head, EXAMINED_MAX - 1
    )
    return Page(positions, bodies, max(head, after) if last_examined is None else last_examined)


class EventPages:
    """Pages of the log for those who may read a part of it, over a pool of its own.

    Each organization reads `reads_max` of them at a time; without that bound, as many as there are connections.
    """

    def __init__(self, database: Database, reads_max: int | None = None) -> None:
        self._database = database
        self._shares = ReadShares(reads_max)

    async def head(self) -> int:
        """The position of the last event; 0 when the log is empty."""
        async with self._database.connection() as connection:
            return await read_head(connection)

    async def page(self, selection: Selection, after: int, limit: int) -> tuple[Page, int]:
        """Up to `limit` wanted events behind a position, and the head they were read up to. Raises as Postgres does.

        And `TooManyReads`.
        """
        async with self._shares.turn(selection.org_id), self._database.connection() as connection:
            # First the head: whatever lies before it is there to be read, as positions follow commits.
            head = await read_head(connection)
            return await read_page(connection, selection, after, head, limit), head

"""Organizations that were offboarded are forgotten: after a while nothing is left here but that it was so.

What is removed are the rows of every table that has an `org_id` and may be deleted from, whatever the table is for, a
portion at a time. A table that keeps something on purpose is named in `KEPT`.
"""

import asyncio
from collections.abc import Collection, Sequence
from uuid import UUID

import structlog

from libs.chassis.postgres import Database
from libs.chassis.sessions import Connection

PORTION = 2_000
EVERY_SECONDS = 10.0
# That the organization was here, and what operators did and people were denied, which goes in its own time.
KEPT = ("access_organizations", "access_log", "parking_decisions")

# Not before everything that reads events has come so far: it would miss what its next event is about.
DUE = """
    update access_organizations set forgotten_at = coalesce(forgotten_at, now())
    where is_offboarded and offboarded_at <= now() - make_interval(days => $1)
      and offboarded_position <= (
          select case count(*) when cardinality($2::text[]) then min(position) end
          from checkpoints where name = any($2))
    returning org_id
"""
FORGOTTEN = "select org_id from access_organizations where forgotten_at is not null"
# Tables that refer to others come before those.
TABLES = """
with recursive relations as (
    select relation.oid from pg_class as relation
    join pg_attribute as attribute on attribute.attrelid = relation.oid
    where relation.relkind in ('r', 'p') and attribute.attname = 'org_id' and not attribute.attisdropped
      and relation.relname <> all($1) and has_schema_privilege(relation.relnamespace, 'usage')
      and has_table_privilege(relation.oid, 'delete')
), depths as (
    select oid, 0 as depth from relations
    union all
    select confrelid, depth + 1 from depths join pg_constraint on conrelid = depths.oid
    where contype = 'f' and confrelid <> conrelid
)
select oid::regclass::text from relations join depths using (oid) group by oid order by max(depth), 1
"""

log = structlog.get_logger(__name__)


class Offboarding:
    """Forgets, `kept_days` after an organization was offboarded. `run` it in one task; every replica may.

    `checkpoints` names those of everything that makes rows from events.
    """

    def __init__(self, database: Database, checkpoints: Sequence[str], kept_days: int) -> None:
        self._database = database
        self._checkpoints = list(checkpoints)
        self._kept_days = kept_days

    async def run(self) -> None:
        while True:
            removed = 0
            try:
                removed = await self.forget()
            except Exception as error:
                log.warning("organizations_not_forgotten", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(0 if removed else EVERY_SECONDS)

    async def forget(self) -> int:
        """Remove a portion of what is due of each table; returns how many rows that were."""
        async with self._database.connection() as connection:
            due = [row["org_id"] for row in await connection.fetch(DUE, self._kept_days, self._checkpoints)]
            if not due:
                return 0
            tables = [row[0] for row in await connection.fetch(TABLES, list(KEPT))]
        removed = 0
        for table in tables:
            async with self._database.connection() as connection:
                removed += await _remove(connection, table, due)
        return removed


async def forgotten_organizations(connection: Connection) -> frozenset[UUID]:
    """The organizations whose events lead to nothing any more."""
    return frozenset(row["org_id"] for row in await connection.fetch(FORGOTTEN))


async def _remove(connection: Connection, table: str, org_ids: Collection[UUID]) -> int:
    status = await connection.execute(
        f"delete from {table} where ctid = any(array("
        f"select ctid from {table} where org_id = any($1) limit {PORTION} for update skip locked))",
        org_ids,
    )
    return int(status.rpartition(" ")[2])

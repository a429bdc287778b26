"""When each API key was last used, by whichever service or NATS let it in. No event: it would flood the log.

It only ever moves forward, and never beyond now, whatever the clocks of others say.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from libs.access.key_uses import KeyUse
from libs.chassis.postgres import Database

# One order for every writer, so that no two wait for each other.
WRITE = """
insert into api_key_uses (org_id, api_key_id, last_used_at)
select org_id, api_key_id, max(least(used_at, now()))
from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as used (org_id, api_key_id, used_at)
where exists (
    select from events where events.org_id = used.org_id and events.stream = 'api_key-' || used.api_key_id
)
group by org_id, api_key_id order by org_id, api_key_id
on conflict (org_id, api_key_id) do update
set last_used_at = greatest(api_key_uses.last_used_at, excluded.last_used_at)
"""
READ = "select last_used_at from api_key_uses where org_id = $1 and api_key_id = $2"


class KeyUseTable:
    """The last uses of every organization's keys; a call is one statement. `tell` and `close` are those of `Told`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, uses: Sequence[KeyUse]) -> None:
        """Remember these uses, of keys that there are."""
        async with self._database.connection() as connection:
            await connection.execute(WRITE, *map(list, zip(*uses, strict=True)))

    async def close(self) -> None:
        """The database is closed by whoever opened it."""

    async def last_used_at(self, org_id: UUID, api_key_id: UUID) -> datetime | None:
        """When the key was last used, a minute ago at most if it is in use; `None` where it never was."""
        async with self._database.connection() as connection:
            last_used_at: datetime | None = await connection.fetchval(READ, org_id, api_key_id)
        return last_used_at

"""The only way from a request to the rows of organizations: a transaction in which those of one are there.

Which one, Postgres is told in the message that begins the transaction, and forgets at its end; `walls` is who listens.
"""

import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

from libs.chassis.load_shedding import ReadShares
from libs.chassis.postgres import UNIT_SECONDS, Database
from libs.chassis.sessions import Connection, transaction_between
from libs.chassis.walls import SETTING

BEGIN = "begin isolation level read committed"
# A snapshot, in which nothing can be written.
BEGIN_READING = "begin isolation level repeatable read read only"


class Organizations:
    """Lends connections of the serving role. Whoever answers requests holds this, never the pool itself.

    Each organization reads in `reads_max` transactions at a time; without that bound, in as many as there are.
    """

    def __init__(self, database: Database, reads_max: int | None = None) -> None:
        self._database = database
        self._shares = ReadShares(reads_max)

    @contextlib.asynccontextmanager
    async def transaction(self, org_id: UUID, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """A transaction among the rows of one organization: committed at the end, rolled back when the body raises.

        `org_id` is the one that a verified token names. `readonly` reads one snapshot. Errors as those of
        `Database.transaction`, and `TooManyReads`; an error out of the commit itself means unknown.
        """
        if not isinstance(org_id, UUID):
            raise TypeError("only a UUID may stand in this statement")
        begin = f"{BEGIN_READING if readonly else BEGIN}; set local {SETTING} = '{org_id}'"
        async with (
            self._turn(org_id, readonly),
            self._database.connection() as connection,
            transaction_between(connection, begin),
        ):
            yield connection

    def _turn(self, org_id: UUID, readonly: bool) -> contextlib.AbstractAsyncContextManager[None]:
        return self._shares.turn(org_id) if readonly else contextlib.nullcontext()

    @contextlib.asynccontextmanager
    async def nobody(self, *, seconds: float = UNIT_SECONDS) -> AsyncIterator[Connection]:
        """A connection for what is no organization's, such as checkpoints; rows of organizations are not there."""
        async with self._database.connection(seconds=seconds) as connection:
            yield connection

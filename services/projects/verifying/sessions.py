"""How the checker reads a database: one connection of its own that can not write, in pages, with bounds."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from libs.chassis.sessions import CONNECT_SECONDS, DRIVER_ERRORS, Connection, session_settings
from services.projects.verifying.plain_json import parsed

STATEMENT_SECONDS = 60.0
PAGE_ROWS = 2_000
READ_ONLY = {
    "default_transaction_read_only": "on",
    # A snapshot lasts as long as the comparison does.
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Rows are looked up by their keys, however many are asked for at a time: never the whole table for each page.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class Unreachable(Exception):
    """What a check needs does not answer, or refuses to: nothing can be said."""


@dataclass(frozen=True, slots=True)
class Session:
    """Rows as plain JSON values; instants, dates and ids as PostgreSQL writes them in JSON."""

    connection: Connection
    database: str

    async def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """What a statement with one JSON column finds."""
        return [parsed(row[0]) for row in await self.fetch(statement, *values)]

    async def value(self, statement: str, *values: Any) -> Any:
        """The first value a statement finds, or `None`."""
        found = await self.fetch(statement, *values)
        return found[0][0] if found else None

    async def fetch(self, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
        """Raises `Unreachable` for whatever goes wrong with the database."""
        try:
            found: Sequence[asyncpg.Record] = await self.connection.fetch(statement, *values)
        except DRIVER_ERRORS as error:
            raise unreachable(self.database, error) from error
        return found


@asynccontextmanager
async def reading(dsn: str, database: str) -> AsyncIterator[Session]:
    """A session whose every statement sees what is there now."""
    settings = session_settings("verify", STATEMENT_SECONDS, READ_ONLY)
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, server_settings=settings)
    except (*DRIVER_ERRORS, TimeoutError) as error:
        raise unreachable(database, error) from error
    try:
        yield Session(connection, database)
    finally:
        await _closed(connection)


@asynccontextmanager
async def snapshot(dsn: str, database: str) -> AsyncIterator[Session]:
    """A session whose every statement sees what is there now, also later, while the service goes on writing."""
    async with reading(dsn, database) as session:
        await session.fetch("begin isolation level repeatable read read only")
        yield session


async def _closed(connection: Connection) -> None:
    try:
        await connection.close(timeout=CONNECT_SECONDS)
    except (*DRIVER_ERRORS, TimeoutError):
        connection.terminate()


def unreachable(what: str, error: BaseException) -> Unreachable:
    """The class of an error first: its text may be empty. A driver's text about a connection may quote the DSN."""
    is_about_a_statement = isinstance(error, asyncpg.PostgresError)
    return Unreachable(f"{what}: {type(error).__name__}{f': {error}' if is_about_a_statement else ''}")

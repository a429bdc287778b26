"""Plain SQL migrations: `NNNN_name.sql`, each applied once, in order, in a transaction of its own.

Several directories may feed one database; a file that was applied must never change.
"""

import asyncio
import hashlib
import math
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from libs.chassis.postgres import Connection, Database, is_transient

ROOT = Path(__file__).resolve().parents[2]
FILE_NAME = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
CHECK_SECONDS = 0.5
TELL_SECONDS = 5.0
LOCK = "select pg_advisory_lock(hashtextextended('milepost migrations', 0))"
CREATE_RECORD = """
    create table if not exists schema_migrations (
        directory text not null,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default clock_timestamp(),
        primary key (directory, name)
    );
    grant select on schema_migrations to public;
"""

log = structlog.get_logger(__name__)


class MigrationsPending(Exception):
    """The database is older than the program: run `migrate` first."""


class MigrationChanged(Exception):
    """A file that was applied is different now: history must not be rewritten, add another file instead."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `directory` is its folder relative to the repository, so that it is the same everywhere."""

    directory: str
    name: str
    sql: str

    @property
    def key(self) -> tuple[str, str]:
        return self.directory, self.name

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, 64 hexadecimal digits."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_in(directories: Sequence[Path]) -> list[Migration]:
    """The files of the directories, in the order given, by name within each.

    Raises `ValueError` for a name that is not `NNNN_name.sql` and for a number used twice in a directory.
    """
    found = []
    for directory in directories:
        resolved = directory.resolve()
        name = str(resolved.relative_to(ROOT)) if resolved.is_relative_to(ROOT) else resolved.name
        numbers: set[str] = set()
        for path in sorted(resolved.glob("*.sql")):
            if not FILE_NAME.match(path.name) or path.name[:4] in numbers:
                raise ValueError(f"{path} is not named NNNN_name.sql with a number of its own")
            numbers.add(path.name[:4])
            found.append(Migration(name, path.name, path.read_text(encoding="utf-8")))
    return found


async def migrate(
    admin_dsn: str, directories: Sequence[Path], *, owner: str | None = None
) -> list[Migration]:
    """Apply what is pending, as `owner` (`set role`) if given; returns what was applied.

    `admin_dsn` names the database to migrate. Concurrent calls wait for each other. Raises
    `MigrationChanged`, and what Postgres raises: the failed file is rolled back, the ones before it stay.
    """
    connection = await asyncpg.connect(admin_dsn, timeout=10, server_settings={"application_name": "migrate"})
    try:
        if owner is not None:
            await connection.execute(f"set role {quoted(owner)}")
        await connection.execute(LOCK)
        await connection.execute(CREATE_RECORD)
        pending = _pending(migrations_in(directories), await _recorded(connection))
        for migration in pending:
            await _apply(connection, migration)
        return pending
    finally:
        await connection.close(timeout=5)


async def check(database: Database, directories: Sequence[Path]) -> None:
    """Raise `MigrationsPending` or `MigrationChanged` unless the database has these files, or more."""
    async with database.connection() as connection:
        if await connection.fetchval("select to_regclass('schema_migrations')") is None:
            raise MigrationsPending("the database was never migrated")
        recorded = await _recorded(connection)
    pending = _pending(migrations_in(directories), recorded)
    if pending:
        raise MigrationsPending(
            "not applied: " + ", ".join(f"{each.directory}/{each.name}" for each in pending)
        )


async def wait_until_migrated(
    database: Database,
    directories: Sequence[Path],
    *,
    also: Callable[[Database], Awaitable[None]] | None = None,
    check_seconds: float = CHECK_SECONDS,
) -> None:
    """Return once the migration job has run, however long it takes; what is pending is logged every few seconds.

    `also` checks what a service needs besides, and raises `MigrationsPending` too. An outage of the database is
    waited for. Raises `MigrationChanged` at once: waiting does not mend it.
    """
    told_at = -math.inf
    while True:
        try:
            await check(database, directories)
            if also is not None:
                await also(database)
            return
        except MigrationsPending as pending:
            event, reason = "waiting_for_migrations", str(pending)
        except Exception as error:
            if not is_transient(error):
                raise
            # The class alone: a driver's text may quote the DSN.
            event, reason = "database_not_reachable", type(error).__name__
        if time.monotonic() - told_at >= TELL_SECONDS:
            told_at = time.monotonic()
            log.warning(event, reason=reason)
        await asyncio.sleep(check_seconds)


async def _recorded(connection: Connection) -> dict[tuple[str, str], str]:
    rows = await connection.fetch("select directory, name, checksum from schema_migrations")
    return {(row["directory"], row["name"]): row["checksum"] for row in rows}


def _pending(migrations: Sequence[Migration], recorded: dict[tuple[str, str], str]) -> list[Migration]:
    for migration in migrations:
        if recorded.get(migration.key, migration.checksum) != migration.checksum:
            raise MigrationChanged(f"{migration.directory}/{migration.name} was changed after it was applied")
    return [migration for migration in migrations if migration.key not in recorded]


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        # Whoever waits for a lock makes all others wait behind it: rather fail and try again.
        await connection.execute("set local lock_timeout = '5s'")
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_migrations (directory, name, checksum) values ($1, $2, $3)",
            migration.directory,
            migration.name,
            migration.checksum,
        )
    log.info("migrated", directory=migration.directory, name=migration.name)


def quoted(identifier: str) -> str:
    """A name as SQL identifier, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'

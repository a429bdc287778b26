"""Bring the database up to the program: roles, books, and an empty schema for each projection it lacks."""

import asyncio
from pathlib import Path

import asyncpg

from libs.access.access_log.recording import MIGRATIONS as ACCESS_LOG_MIGRATIONS
from libs.chassis.migrations import migrate, quoted
from libs.chassis.provisioning import provision
from libs.chassis.sessions import Connection
from services.timeline import projections
from services.timeline.projection import Projection
from services.timeline.projections import ROLES

LIBRARIES = Path(__file__).resolve().parents[2] / "libs"
DIRECTORIES = (
    LIBRARIES / "events" / "consumer_migrations",
    LIBRARIES / "access" / "migrations",
    Path(__file__).parent / "migrations",
    ACCESS_LOG_MIGRATIONS,
)
LOCK = "select pg_advisory_xact_lock(hashtextextended('milepost.timeline.schemas', 0))"


async def migrate_database(admin_dsn: str, serving_dsn: str, internal_dsn: str) -> list[str]:
    """Create and change what is missing; returns what was done, in words. May be repeated at any time.

    `admin_dsn` is an administrator's, of any database of the server; the others name the two roles of the service
    with their passwords, and its database.
    """
    database_dsn = await provision(admin_dsn, [serving_dsn, internal_dsn], ROLES.owner)
    applied = await migrate(database_dsn, DIRECTORIES, owner=ROLES.owner)
    created = await create_missing_schemas(database_dsn)
    return [
        *(f"{each.directory}/{each.name}" for each in applied),
        *(f"schema {schema}" for schema in created),
    ]


async def create_missing_schemas(database_dsn: str) -> list[str]:
    """An empty schema for each projection that has none, whose checkpoint starts at 0 and catches up.

    Also of those that are there, every table ends up with its rights and behind its wall.
    """
    connection = await connect_as_owner(database_dsn)
    try:
        async with connection.transaction():
            return await _create_missing(connection)
    finally:
        await connection.close(timeout=5)


async def empty_schemas(connection: Connection) -> None:
    """Every projection without a row, and none that is being rebuilt or was kept, in the owner's transaction."""
    await connection.execute("set local lock_timeout to '10s'")
    for name in projections.names():
        for schema in (name, f"{name}{projections.FILLED}", f"{name}{projections.RETIRED}"):
            await connection.execute(f"drop schema if exists {quoted(schema)} cascade")
    await _create_missing(connection)
    await connection.execute("set local search_path to public")


async def _create_missing(connection: Connection) -> list[str]:
    await connection.execute(LOCK)
    created = [
        projection.name
        for projection in projections.all_projections()
        if await _created(connection, projection)
    ]
    await projections.open_schemas(connection, projections.names())
    return created


async def connect_as_owner(database_dsn: str) -> Connection:
    """An administrator's connection in the role that owns the schemas. Close it."""
    connection = await asyncpg.connect(
        database_dsn, timeout=10, server_settings={"application_name": "timeline schemas", "timezone": "UTC"}
    )
    database = await connection.fetchval("select current_database()")
    if not await connection.fetchval(
        "select has_database_privilege($1, $2, 'CREATE')", ROLES.owner, database
    ):
        # A database made by somebody else: its owner may create in it, ours not yet.
        await connection.execute(f"grant create on database {quoted(database)} to {quoted(ROLES.owner)}")
    await connection.execute(f"set role {quoted(ROLES.owner)}")
    return connection


async def _created(connection: Connection, projection: Projection) -> bool:
    is_missing = not await projections.exists(connection, projection.name)
    if is_missing:
        await projections.create_schema(connection, projection, projection.name)
        await projections.create_indexes(connection, projection)
    return is_missing


def migrate_now(admin_dsn: str, serving_dsn: str, internal_dsn: str) -> list[str]:
    return asyncio.run(migrate_database(admin_dsn, serving_dsn, internal_dsn))

"""Bring the database up to the program: roles, books, and an empty schema for each projection it lacks."""

import asyncio
from pathlib import Path

import asyncpg

from libs.chassis.migrations import migrate, quoted
from libs.chassis.postgres import Connection
from libs.chassis.provisioning import Login, provision
from services.timeline import projections
from services.timeline.projection import Projection

OWNER = "timeline_owner"
LIBRARIES = Path(__file__).resolve().parents[2] / "libs"
DIRECTORIES = (LIBRARIES / "events" / "consumer_migrations", Path(__file__).parent / "migrations")
LOCK = "select pg_advisory_xact_lock(hashtextextended('milepost.timeline.schemas', 0))"


async def migrate_database(admin_dsn: str, service_dsn: str) -> list[str]:
    """Create and change what is missing; returns what was done, in words. May be repeated at any time.

    `admin_dsn` is an administrator's, of any database of the server; `service_dsn` names role, password and
    database of the service.
    """
    database_dsn = await provision(admin_dsn, [service_dsn], OWNER)
    applied = await migrate(database_dsn, DIRECTORIES, owner=OWNER)
    created = await create_missing_schemas(database_dsn, Login.of(service_dsn).role)
    return [
        *(f"{each.directory}/{each.name}" for each in applied),
        *(f"schema {schema}" for schema in created),
    ]


async def create_missing_schemas(database_dsn: str, role: str) -> list[str]:
    """An empty schema for each projection that has none; its checkpoint starts at 0 and catches up."""
    connection = await connect_as_owner(database_dsn)
    try:
        async with connection.transaction():
            await connection.execute(LOCK)
            return [
                projection.name
                for projection in projections.all_projections()
                if await _created(connection, projection, role)
            ]
    finally:
        await connection.close(timeout=5)


async def connect_as_owner(database_dsn: str) -> Connection:
    """An administrator's connection in the role that owns the schemas. Close it."""
    connection = await asyncpg.connect(
        database_dsn, timeout=10, server_settings={"application_name": "timeline schemas", "timezone": "UTC"}
    )
    database = await connection.fetchval("select current_database()")
    if not await connection.fetchval("select has_database_privilege($1, $2, 'CREATE')", OWNER, database):
        # A database made by somebody else: its owner may create in it, ours not yet.
        await connection.execute(f"grant create on database {quoted(database)} to {quoted(OWNER)}")
    await connection.execute(f"set role {quoted(OWNER)}")
    return connection


async def _created(connection: Connection, projection: Projection, role: str) -> bool:
    if await projections.exists(connection, projection.name):
        return False
    await projections.create_schema(connection, projection, projection.name)
    await projections.create_indexes(connection, projection)
    await projections.grant(connection, projection.name, role)
    return True


def migrate_now(admin_dsn: str, service_dsn: str) -> list[str]:
    return asyncio.run(migrate_database(admin_dsn, service_dsn))

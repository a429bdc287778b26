"""The database and the roles of a service, created where they are missing: the first half of `migrate`.

An administrator with CREATEDB and CREATEROLE suffices. The owner cannot log in; services do not own anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from libs.chassis.migrations import quoted
from libs.chassis.postgres import Connection

LOCK = "select pg_advisory_lock(hashtextextended('milepost provisioning', 0))"


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in where, read from a DSN."""

    role: str
    password: str
    database: str

    @classmethod
    def of(cls, dsn: str) -> "Login":
        """Raises `ValueError` unless the DSN names a user, a password and a database."""
        parts = urlsplit(dsn)
        database = unquote(parts.path.removeprefix("/"))
        if not (parts.username and parts.password and database):
            raise ValueError("the DSN of a service needs a user, a password and a database")
        return cls(unquote(parts.username), unquote(parts.password), database)


async def provision(admin_dsn: str, service_dsns: Sequence[str], owner: str) -> str:
    """Create what is missing of: `owner`, the roles of the DSNs with their passwords, their one database.

    Returns the administrator's DSN of that database. May be repeated at any time: passwords are set to those
    of the DSNs, nothing is dropped. Raises `ValueError` if the DSNs name several databases.
    """
    logins = [Login.of(dsn) for dsn in service_dsns]
    databases = {login.database for login in logins}
    if len(databases) != 1:
        raise ValueError("the DSNs of a service must name one database")
    (database,) = databases
    connection = await asyncpg.connect(admin_dsn, timeout=10, server_settings={"application_name": "migrate"})
    try:
        await connection.execute(LOCK)
        await _create_owner(connection, owner)
        for login in logins:
            await _create_login(connection, login)
        await _create_database(connection, database, owner, [login.role for login in logins])
    finally:
        await connection.close(timeout=5)
    await _admit_owner(in_database(admin_dsn, database), owner)
    return in_database(admin_dsn, database)


def in_database(dsn: str, database: str) -> str:
    """The same server and user, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def _create_owner(connection: Connection, owner: str) -> None:
    if not await _role_exists(connection, owner):
        await connection.execute(f"create role {quoted(owner)} nologin")
    await admit_to(connection, owner)


async def admit_to(connection: Connection, role: str) -> None:
    """Let an administrator who may create roles act in one (`set role`)."""
    if not await connection.fetchval("select pg_has_role(session_user, $1, 'SET')", role):
        await connection.execute(f"grant {quoted(role)} to session_user with inherit true, set true")


async def _create_login(connection: Connection, login: Login) -> None:
    verb = "alter" if await _role_exists(connection, login.role) else "create"
    password = await connection.fetchval("select quote_literal($1::text)", login.password)
    await connection.execute(f"{verb} role {quoted(login.role)} login password {password}")
    # The promise behind every 2xx answer, whatever the server's default is.
    await connection.execute(f"alter role {quoted(login.role)} set synchronous_commit = on")


async def _create_database(connection: Connection, database: str, owner: str, roles: Sequence[str]) -> None:
    if not await connection.fetchval("select true from pg_database where datname = $1", database):
        await connection.execute(f"create database {quoted(database)} owner {quoted(owner)}")
        await connection.execute(f"revoke all on database {quoted(database)} from public")
    for role in roles:
        await connection.execute(f"grant connect on database {quoted(database)} to {quoted(role)}")


async def _admit_owner(dsn: str, owner: str) -> None:
    """Let the owner create tables in a database that somebody else made for us."""
    connection = await asyncpg.connect(dsn, timeout=10, server_settings={"application_name": "migrate"})
    try:
        if not await connection.fetchval("select has_schema_privilege($1, 'public', 'create')", owner):
            await connection.execute(f"grant usage, create on schema public to {quoted(owner)}")
        if not await connection.fetchval(
            "select has_database_privilege($1, current_database(), 'create')", owner
        ):
            await connection.execute(
                f"grant create on database {quoted(urlsplit(dsn).path.removeprefix('/'))} to {quoted(owner)}"
            )
    finally:
        await connection.close(timeout=5)


async def _role_exists(connection: Connection, role: str) -> bool:
    return bool(await connection.fetchval("select true from pg_roles where rolname = $1", role))

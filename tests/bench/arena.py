"""A PostgreSQL of the benches' own, with a database for each contestant."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from deploy.local.postgres import EmbeddedPostgres
from tests.support.databases import Databases, FreshDatabase
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.servers import embedded_postgres

OURS = "milepost"


@dataclass
class Arena:
    """One server; Milepost's database is that of the projects service, those of the others are empty."""

    server: EmbeddedPostgres
    databases: dict[str, FreshDatabase]

    def dsn(self, contestant: str) -> str:
        """The contestant's way in: Milepost's in the role of its service."""
        database = self.databases[contestant]
        return database.dsn(SERVICE, PASSWORD) if contestant == OURS else database.admin_dsn

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def row(self, contestant: str, statement: str) -> tuple[int, ...]:
        """The only row of a question an administrator asks."""
        with psycopg.connect(self.databases[contestant].admin_dsn) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return tuple(map(int, row))


@contextmanager
def arena(contestants: Sequence[str]) -> Iterator[Arena]:
    with embedded_postgres() as server:
        yield Arena(server, asyncio.run(_databases(server.dsn(), contestants)))


async def _databases(admin_dsn: str, contestants: Sequence[str]) -> dict[str, FreshDatabase]:
    databases = Databases(admin_dsn)
    return {
        name: await databases.fresh("projects", migrate_projects)
        if name == OURS
        else await databases.fresh("empty", _nothing)
        for name in contestants
    }


async def _nothing(template: FreshDatabase) -> None:
    """An empty database is all that the others need: they make their own tables."""

"""A database per test, copied from a template that was migrated once in the session."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A database nobody else uses. `admin_dsn` is the server administrator's view of it."""

    name: str
    admin_dsn: str

    def dsn(self, user: str, password: str) -> str:
        """The same database as another role sees it."""
        return with_user(self.admin_dsn, user, password)


Migrate = Callable[[FreshDatabase], Awaitable[None]]
FreshDatabaseFactory = Callable[[str, Migrate], Awaitable[FreshDatabase]]


@dataclass
class Databases:
    """Makes databases on one server and drops every one it made, templates included."""

    admin_dsn: str
    run_id: str = field(default_factory=lambda: secrets.token_hex(4))
    _templates: dict[str, FreshDatabase] = field(default_factory=dict)
    _count: int = 0

    async def fresh(self, template_name: str, migrate: Migrate) -> FreshDatabase:
        """A new database like the template; the first call creates the template and runs `migrate` on it.

        `migrate` must leave no connection open: PostgreSQL copies only what nobody is using.
        """
        template = self._templates.get(template_name)
        if template is None:
            template = await self._create(f"template_{template_name}_{self.run_id}", "template1")
            await migrate(template)
            self._templates[template_name] = template
        self._count += 1
        return await self._create(f"test_{template_name}_{self.run_id}_{self._count}", template.name)

    async def drop(self, database: FreshDatabase) -> None:
        await self._execute(f'drop database if exists "{database.name}" with (force)')

    async def drop_templates(self) -> None:
        for template in self._templates.values():
            await self.drop(template)
        self._templates.clear()

    async def _create(self, name: str, template: str) -> FreshDatabase:
        await self._execute(f'create database "{name}" template "{template}" strategy file_copy')
        return FreshDatabase(name, with_database(self.admin_dsn, name))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def with_database(dsn: str, name: str) -> str:
    """The same DSN naming another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def with_user(dsn: str, user: str, password: str) -> str:
    """The same DSN for another role."""
    parts = urlsplit(dsn)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{address}"))

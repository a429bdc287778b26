"""The second wall between organizations: row-level security on every table that has an `org_id`.

The first is the `where org_id = …` of each statement; this one holds where somebody forgot it.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from libs.chassis.migrations import MigrationsPending, quoted
from libs.chassis.postgres import Database
from libs.chassis.sessions import Connection

SETTING = "app.organization"
# After a transaction the setting is empty, not null. Either way no row is there, and nothing fails.
OF_THE_ORGANIZATION = f"org_id = nullif(current_setting('{SETTING}', true), '')::uuid"

# Tables of organizations that a role can come near; a read model that is being filled has no wall yet, as nobody has
# a way to it. What a migration said itself of a table's owner, such as that it removes nothing, stands.
TABLES = """
select relation.oid::regclass::text as name, is_secured, has_one, has_every, holds_owner,
       is_secured and has_one and has_every as is_walled
from pg_class as relation
join pg_attribute as attribute on attribute.attrelid = relation.oid
cross join lateral (
    select relation.relrowsecurity and relation.relforcerowsecurity as is_secured,
           coalesce(bool_or(policy.polname = 'one_organization'), false) as has_one,
           coalesce(bool_or(policy.polname = 'every_organization'), false) as has_every,
           coalesce(bool_or(relation.relowner = any(policy.polroles)), false) as holds_owner
    from pg_policy as policy where policy.polrelid = relation.oid
) as wall
where relation.relkind in ('r', 'p') and attribute.attname = 'org_id' and not attribute.attisdropped
  and has_schema_privilege($1, relation.relnamespace, 'usage')
order by 1
"""
RIGHTS = """
select role.rolname as name, role.rolsuper or role.rolbypassrls as bypasses,
       exists (
           select from pg_policy as policy, unnest(policy.polroles) as named (role_oid)
           where policy.polname = 'every_organization' and pg_has_role(named.role_oid, 'member')
       ) or exists (
           select from pg_class as relation
           where relation.relkind in ('r', 'p') and relation.relnamespace <> 'pg_catalog'::regnamespace
             and pg_has_role(relation.relowner, 'member')
       ) as belongs
from pg_roles as role where role.rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one database.

    `owner` migrates and rebuilds and never logs in; `internal` consumes and delivers for all organizations; `serving`
    answers requests, each for one of them.
    """

    owner: str
    internal: str
    serving: str


class UnfitRole(Exception):
    """The role that answers requests stands above the wall: it could read every organization's rows."""


async def raise_walls(connection: Connection, roles: Roles) -> None:
    """Put every table that has an `org_id` behind the wall, in every schema of this database that the role which
    answers requests may use.

    Call it as the owner wherever tables were made or granted; tables behind the wall already are not touched.
    """
    for table in await connection.fetch(TABLES, roles.serving):
        if not table["is_walled"]:
            # One message is one transaction: no instant at which the internal role sees nothing.
            await connection.execute(_wall(table, roles))


async def migrate_walls(admin_dsn: str, roles: Roles) -> None:
    """The same as an administrator, once the migrations of that database were applied."""
    connection = await asyncpg.connect(admin_dsn, timeout=10, server_settings={"application_name": "migrate"})
    try:
        await connection.execute(f"set role {quoted(roles.owner)}; set lock_timeout = '5s'")
        await raise_walls(connection, roles)
    finally:
        await connection.close(timeout=5)


async def check_walls(database: Database) -> None:
    """Raise `UnfitRole` if the role of this pool stands above the wall, `MigrationsPending` if one is missing."""
    async with database.connection() as connection:
        rights = await connection.fetchrow(RIGHTS)
        if rights is None or rights["bypasses"] or rights["belongs"]:
            raise UnfitRole(
                "MILEPOST_DATABASE_URL names a role that row-level security does not hold; see operating.md"
            )
        tables = await connection.fetch(TABLES, rights["name"])
    open_tables = [table["name"] for table in tables if not table["is_walled"]]
    if open_tables:
        raise MigrationsPending(f"no row-level security on {', '.join(open_tables)}")


def _wall(table: Any, roles: Roles) -> str:
    name = table["name"]
    everybodys = [roles.internal] if table["holds_owner"] else [roles.internal, roles.owner]
    statements = [f"alter table {name} enable row level security, force row level security"]
    if not table["has_one"]:
        statements.append(
            f"create policy one_organization on {name} to {quoted(roles.serving)} using ({OF_THE_ORGANIZATION})"
        )
    if not table["has_every"]:
        statements.append(
            f"create policy every_organization on {name} to {', '.join(map(quoted, everybodys))} using (true)"
        )
    return "; ".join(statements)

"""What Postgres itself says about the walls between organizations in one database."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from libs.chassis.walls import Roles

OF_ONE = "(org_id = (NULLIF(current_setting('app.organization'::text, true), ''::text))::uuid)"

TABLES = """
select quote_ident(namespace.nspname) || '.' || quote_ident(relation.relname) as name, relation.relkind::text as kind,
       relation.relrowsecurity and relation.relforcerowsecurity as is_forced,
       pg_get_userbyid(relation.relowner) as owner, relation.reloptions as options,
       array(select (policyname, roles, cmd, permissive, qual, with_check)::text from pg_policies
             where schemaname = namespace.nspname and tablename = relation.relname order by 1) as policies
from pg_class relation join pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_attribute attribute on attribute.attrelid = relation.oid and attribute.attname = 'org_id'
where relation.relkind in ('r', 'p', 'v', 'm', 'f') and namespace.nspname not in ('pg_catalog', 'information_schema')
order by 1
"""
KEYS = """
select index.indexrelid::regclass::text as key, index.indrelid::regclass::text as table
from pg_index index
join pg_class relation on relation.oid = index.indrelid
join pg_attribute org on org.attrelid = index.indrelid and org.attname = 'org_id'
where index.indisunique and index.indkey[0] <> org.attnum
  and (has_table_privilege($1, relation.oid, 'insert') or has_table_privilege($1, relation.oid, 'update'))
"""
ATTRIBUTES = """
select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
       array(select pg_get_userbyid(roleid) from pg_auth_members where member = pg_roles.oid) as member_of
from pg_roles where rolname = $1
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A relation with an `org_id`, by its full name."""

    name: str
    kind: str
    is_forced: bool
    owner: str
    options: Sequence[str] | None
    policies: Sequence[str]


async def tables(database: Database) -> list[Table]:
    """Every relation with an `org_id`."""
    async with database.connection() as connection:
        return [Table(**dict(row)) for row in await connection.fetch(TABLES)]


async def assert_walled(database: Database, roles: Roles) -> list[Table]:
    """Every table with an `org_id` is behind its wall, whoever owns it, and every view asks for its reader's rights."""
    found = await tables(database)
    one = f'(one_organization,{{{roles.serving}}},ALL,PERMISSIVE,"{OF_ONE}",)'
    every = f'(every_organization,"{{{roles.internal},{roles.owner}}}",ALL,PERMISSIVE,true,)'
    for table in found:
        assert table.owner == roles.owner, table
        if table.kind == "v":
            assert "security_invoker=true" in (table.options or ()), table
        else:
            assert table.kind in ("r", "p"), f"{table.name} can not be walled"
            assert table.is_forced, table
            others = {*table.policies} - {one, every}
            assert one in table.policies, table
            assert any(policy.startswith("(every_organization,") for policy in table.policies), table
            assert not any(roles.serving in other or "{public}" in other for other in others), table
    return found


async def assert_roles(database: Database, roles: Roles) -> None:
    """The serving role stands below the wall, and nobody logs in as the owner."""
    async with database.connection() as connection:
        rows = {
            role: await connection.fetchrow(ATTRIBUTES, role)
            for role in (roles.owner, roles.internal, roles.serving)
        }
        open_keys = await connection.fetch(KEYS, roles.serving)
    for role, row in rows.items():
        assert row is not None, role
        assert tuple(row) == (role != roles.owner, False, False, False, False, False, []), role
    assert open_keys == [], "a key that does not begin with org_id tells one tenant of another's values"


async def visible_to(
    organizations: Organizations, org_id: UUID, names: Sequence[str]
) -> dict[str, set[UUID]]:
    """Whose rows each of these tables shows to one organization, asked without any `where`."""
    async with organizations.transaction(org_id, readonly=True) as connection:
        return {
            name: {row[0] for row in await connection.fetch(f"select distinct org_id from {name}")}
            for name in names
        }

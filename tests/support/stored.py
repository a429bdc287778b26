"""Everything a database keeps, row by row, for tests that look for what must not be there."""

from collections import Counter
from collections.abc import AsyncIterator

from libs.chassis.sessions import Connection

TABLES = """
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE' order by 1
"""
OF_ORGANIZATIONS = """
    select attrelid::regclass::text from pg_attribute join pg_class on pg_class.oid = attrelid
    where attname = 'org_id' and not attisdropped and relkind in ('r', 'p')
"""


async def tables_of_organizations(connection: Connection) -> set[str]:
    """Every table whose rows belong to organizations."""
    return {row[0] for row in await connection.fetch(OF_ORGANIZATIONS)}


async def rows_of(connection: Connection) -> AsyncIterator[tuple[str, bytes]]:
    """Every row with the name of its table, as JSON. Ask as somebody who sees all of them."""
    for table in await connection.fetch(TABLES):
        for row in await connection.fetch(f"select row_to_json(each)::text from {table['name']} as each"):
            yield table["name"], row[0].encode()


async def tables_naming(connection: Connection, needle: object) -> Counter[str]:
    """How many rows of each table have this in them; tables that have none are left out."""
    wanted = str(needle).encode()
    return Counter([table async for table, row in rows_of(connection) if wanted in row])

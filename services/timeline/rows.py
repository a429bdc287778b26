"""Rows as named tuples, and the bulk statements that write them: one statement per table and batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args, get_type_hints
from uuid import UUID

from libs.chassis.sessions import Connection

_SQL_TYPES: dict[type, str] = {
    UUID: "uuid",
    int: "bigint",
    str: "text",
    bool: "boolean",
    date: "date",
    datetime: "timestamptz",
    Decimal: "numeric",
}


def columns(row_type: type[Any]) -> dict[str, str]:
    """The columns of a row type with their SQL types, in order; a row type is a `NamedTuple`."""
    return {name: _sql_type(hint) for name, hint in get_type_hints(row_type).items()}


def _sql_type(hint: Any) -> str:
    plain = next((each for each in get_args(hint) if each is not type(None)), hint)
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return "text"
    return _SQL_TYPES[plain]


def given(types: Mapping[str, str]) -> str:
    """Rows of these columns and SQL types, given as arrays of their columns."""
    arrays = ", ".join(f"${number}::{sql}[]" for number, sql in enumerate(types.values(), 1))
    return f"select * from unnest({arrays}) as given ({', '.join(types)})"


def append(table: str, types: Mapping[str, str]) -> str:
    """The statement that adds such rows to a table behind its wall, which COPY does not pass."""
    return f"insert into {table} ({', '.join(types)}) {given(types)}"


def upsert(table: str, key: Sequence[str], names: Iterable[str], rows: str) -> str:
    """The statement that keeps one row per key in a table; `rows` is a query for them."""
    listed = list(names)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in listed if name not in key)
    return f"insert into {table} ({', '.join(listed)}) {rows} on conflict ({', '.join(key)}) do update set {replaced}"


async def copy(
    connection: Connection, table: str, names: Iterable[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Add rows to a table that has no wall yet, at about half the cost of a statement; none is fine."""
    if rows:
        await connection.copy_records_to_table(table, records=rows, columns=list(names))

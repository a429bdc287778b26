"""Rows as named tuples, and the bulk statements that write them: one statement per table and batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, get_args, get_type_hints
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


class Append(NamedTuple):
    """The statement that adds rows to a table nobody changes. COPY would not pass row-level security."""

    statement: str

    async def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write new rows; none is fine."""
        if rows:
            await connection.execute(self.statement, *zip(*rows, strict=True))


def append(table: str, types: Mapping[str, str]) -> Append:
    """The statement that adds rows of these columns and SQL types."""
    arrays = ", ".join(f"${number}::{sql}[]" for number, sql in enumerate(types.values(), 1))
    return Append(f"insert into {table} ({', '.join(types)}) select * from unnest({arrays})")


class Upsert(NamedTuple):
    """One statement that inserts rows, or replaces those that have the same key."""

    statement: str

    async def write(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows with different keys; none is fine."""
        transposed = list(zip(*rows, strict=True))
        if transposed:
            await connection.execute(self.statement, *transposed)


def upsert(table: str, key: Sequence[str], row_type: type[Any]) -> Upsert:
    """The statement that keeps one row per key in a table, written from arrays of its columns."""
    types = columns(row_type)
    names = ", ".join(types)
    arrays = ", ".join(f"${number}::{sql}[]" for number, sql in enumerate(types.values(), 1))
    replaced = ", ".join(f"{name} = excluded.{name}" for name in types if name not in key)
    return Upsert(
        f"insert into {table} ({names}) select * from unnest({arrays}) "
        f"on conflict ({', '.join(key)}) do update set {replaced}"
    )

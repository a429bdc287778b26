"""Understands plain statements: one table, conditions joined by `and`, inserts from values or from arrays.

What is not plain is refused, and must be taught by hand, see `taught`.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg

from tests.simulation.postgres.conditions import where
from tests.simulation.postgres.expressions import (
    NOTHING,
    Cursor,
    Expression,
    NotPlain,
    Values,
    expression,
    unnested,
)
from tests.simulation.postgres.tables import Row
from tests.simulation.postgres.transactions import Transaction

Statement: TypeAlias = Callable[[Transaction, Values], list[Row]]

CAST = re.compile(r"::\w+(?:\[\])?")
TOKEN = re.compile(r"'[^']*'|\$\d+|[\w.]+|<=|>=|<>|[(),*=<>+\-]")


@lru_cache(maxsize=2_000)
def plain(text: str) -> Statement:
    """The statement as a function; raises `NotPlain`."""
    cursor = Cursor(TOKEN.findall(CAST.sub("", text)), text)
    verb = cursor.word()
    reader = {"insert": _insert, "update": _update, "delete": _delete, "select": _select}.get(verb)
    if reader is None:
        raise NotPlain(text)
    statement = reader(cursor)
    cursor.must_be_over()
    return statement


# --- Insert ---


def _insert(cursor: Cursor) -> Statement:
    cursor.expect("into")
    table = cursor.word()
    columns = cursor.names()
    source = _source(cursor)
    settle = _on_conflict(cursor, table)
    if cursor.has("returning"):
        cursor.word()

    def run(transaction: Transaction, values: Values) -> list[Row]:
        described = transaction.table(table)
        affected: list[Row] = []
        for given in source(values):
            row = Row(zip(columns, given, strict=True))
            if len(columns) < len(described.defaults):
                row.update(described.absent(columns))
            if settle(transaction, row, values):
                affected.append(row)
        return affected

    return run


def _source(cursor: Cursor) -> Callable[[Values], list[tuple[Any, ...]]]:
    if cursor.has("values"):
        expressions = cursor.listed(expression)
        return lambda values: [tuple([each(NOTHING, values, NOTHING) for each in expressions])]
    cursor.expect("select")
    chosen = None if cursor.has("*") else cursor.separated(expression)
    cursor.expect("from", "unnest")
    arrays = cursor.listed(expression)
    alias = cursor.word() if cursor.has("as") else ""
    names = cursor.names() if cursor.peek() == "(" else [alias]
    if chosen is None:
        return lambda values: list(unnested(arrays, values))

    def rows(values: Values) -> list[tuple[Any, ...]]:
        made = [dict(zip(names, each, strict=True)) for each in unnested(arrays, values)]
        return [tuple([each(row, values, NOTHING) for each in chosen]) for row in made]

    return rows


def _on_conflict(cursor: Cursor, table: str) -> Callable[[Transaction, Row, Values], bool]:
    replaced: list[tuple[str, Expression]] | None = None
    if cursor.has("on"):
        cursor.expect("conflict")
        if cursor.peek() == "(":
            cursor.names()
        cursor.expect("do")
        if cursor.has("nothing"):
            replaced = []
        else:
            cursor.expect("update", "set")
            replaced = _assignments(cursor)

    def settle(transaction: Transaction, row: Row, values: Values) -> bool:
        key = transaction.table(table).key_of(row)
        before = transaction.insert(table, key, row)
        if before is None:
            return True
        if replaced is None:
            raise asyncpg.UniqueViolationError(f"duplicate key {key} in {table}")
        if replaced:
            after = Row({**_of(before), **{name: each(before, values, row) for name, each in replaced}})
            transaction.write(table, key, after)
        return bool(replaced)

    return settle


def _assignments(cursor: Cursor) -> list[tuple[str, Expression]]:
    def one(cursor: Cursor) -> tuple[str, Expression]:
        name = cursor.word()
        cursor.expect("=")
        return name, expression(cursor)

    return cursor.separated(one)


# --- Update, delete, select ---


def _update(cursor: Cursor) -> Statement:
    table = cursor.word()
    cursor.expect("set")
    assigned = _assignments(cursor)
    find = where(cursor, table)

    def run(transaction: Transaction, values: Values) -> list[Row]:
        changed = []
        for key, row in find(transaction, values):
            after = Row({**_of(row), **{name: each(row, values, NOTHING) for name, each in assigned}})
            transaction.write(table, key, after)
            changed.append(after)
        return changed

    return run


def _delete(cursor: Cursor) -> Statement:
    cursor.expect("from")
    table = cursor.word()
    find = where(cursor, table)

    def run(transaction: Transaction, values: Values) -> list[Row]:
        found = find(transaction, values)
        for key, _ in found:
            transaction.write(table, key, None)
        return [row for _, row in found]

    return run


def _select(cursor: Cursor) -> Statement:
    chosen = None if cursor.has("*") else _chosen(cursor)
    cursor.expect("from")
    table = cursor.word()
    find = where(cursor, table)
    order = []
    if cursor.has("order"):
        cursor.expect("by")
        order = cursor.separated(lambda cursor: cursor.word())
    is_locking = cursor.has("for") and cursor.word() in ("update", "share")

    def run(transaction: Transaction, values: Values) -> list[Row]:
        found = find(transaction, values)
        if is_locking:
            for key, _ in found:
                transaction.hold(table, key)
        rows = [row for _, row in found]
        if order:
            rows.sort(key=lambda row: [row[name] for name in order])
        if chosen is None:
            return rows
        return [Row({name: each(row, values, NOTHING) for name, each in chosen}) for row in rows]

    return run


def _chosen(cursor: Cursor) -> list[tuple[str, Expression]]:
    """What a query selects, which may be nothing but that the rows are there."""
    if cursor.peek() == "from":
        return []
    return cursor.separated(lambda cursor: (cursor.peek(), expression(cursor)))


def _of(row: Row) -> dict[str, Any]:
    return dict(row.items())

"""Understands plain statements: one table, conditions joined by `and`, inserts from values or from arrays.

What is not plain is refused, and must be taught by hand, see `taught`.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg

from tests.simulation.postgres.expressions import Cursor, Expression, NotPlain, Scope, expression
from tests.simulation.postgres.tables import Key, Row
from tests.simulation.postgres.transactions import Transaction

Values: TypeAlias = tuple[Any, ...]
Statement: TypeAlias = Callable[[Transaction, Values], list[Row]]
Condition: TypeAlias = Callable[[Scope], bool]

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
        return lambda values: [tuple(each(Scope({}, values)) for each in expressions)]
    cursor.expect("select")
    chosen = None if cursor.has("*") else cursor.separated(expression)
    cursor.expect("from", "unnest")
    arrays = cursor.listed(expression)
    alias = cursor.word() if cursor.has("as") else ""
    names = cursor.names() if cursor.peek() == "(" else [alias]
    if chosen is None:
        return lambda values: list(zip(*(each(Scope({}, values)) for each in arrays), strict=True))

    def rows(values: Values) -> list[tuple[Any, ...]]:
        unnested = zip(*(each(Scope({}, values)) for each in arrays), strict=True)
        scopes = [Scope(dict(zip(names, each, strict=True)), values) for each in unnested]
        return [tuple(each(scope) for each in chosen) for scope in scopes]

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
            scope = Scope(before, values, row, table)
            transaction.write(
                table, key, Row({**_of(before), **{name: each(scope) for name, each in replaced}})
            )
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
    find = _where(cursor, table)

    def run(transaction: Transaction, values: Values) -> list[Row]:
        changed = []
        for key, row in find(transaction, values):
            scope = Scope(row, values)
            after = Row({**_of(row), **{name: each(scope) for name, each in assigned}})
            transaction.write(table, key, after)
            changed.append(after)
        return changed

    return run


def _delete(cursor: Cursor) -> Statement:
    cursor.expect("from")
    table = cursor.word()
    find = _where(cursor, table)

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
    find = _where(cursor, table)
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
        return [Row({name: each(Scope(row, values)) for name, each in chosen}) for row in rows]

    return run


def _chosen(cursor: Cursor) -> list[tuple[str, Expression]]:
    """What a query selects, which may be nothing but that the rows are there."""
    if cursor.peek() == "from":
        return []
    return cursor.separated(lambda cursor: (cursor.peek(), expression(cursor)))


def _where(cursor: Cursor, table: str) -> Callable[[Transaction, Values], list[tuple[Key, Row]]]:
    """The rows that meet the conditions, at once where these name the whole primary key."""
    conditions: list[Condition] = []
    exact: dict[str, Expression] = {}
    if cursor.has("where"):
        conditions.append(_condition(cursor, exact))
        while cursor.has("and"):
            conditions.append(_condition(cursor, exact))

    def find(transaction: Transaction, values: Values) -> list[tuple[Key, Row]]:
        described = transaction.table(table)
        if exact.keys() >= set(described.key):
            scope = Scope({}, values)
            row = transaction.one(table, tuple([exact[name](scope) for name in described.key]))
            candidates = [] if row is None else [row]
        else:
            candidates = list(transaction.rows(table))
        found = [row for row in candidates if all(holds(Scope(row, values)) for holds in conditions)]
        return [(described.key_of(row), row) for row in found]

    return find


def _condition(cursor: Cursor, exact: dict[str, Expression]) -> Condition:
    if cursor.peek() == "(":
        return _among_rows(cursor)
    name = cursor.peek()
    left = expression(cursor)
    if cursor.has("is"):
        is_negated = cursor.has("not")
        cursor.expect("null")
        return lambda scope: (left(scope) is None) is not is_negated
    if cursor.has("in"):
        some = cursor.listed(expression)
        return lambda scope: left(scope) in [each(scope) for each in some]
    compare = COMPARISONS.get(cursor.word())
    if compare is None:
        raise NotPlain(cursor.text)
    if cursor.has("any"):
        [listed] = cursor.listed(expression)
        return lambda scope: left(scope) in listed(scope)
    right = expression(cursor)
    if compare is COMPARISONS["="] and name.isidentifier():
        exact[name] = right
    return lambda scope: compare(left(scope), right(scope))


def _among_rows(cursor: Cursor) -> Condition:
    names = cursor.names()
    cursor.expect("in", "(")
    wanted = _listed_rows(cursor) if cursor.has("values") else _unnested_rows(cursor)
    cursor.expect(")")
    return lambda scope: tuple(scope.row[name] for name in names) in wanted(scope)


def _listed_rows(cursor: Cursor) -> Callable[[Scope], set[tuple[Any, ...]]]:
    rows = cursor.separated(lambda cursor: cursor.listed(expression))
    return lambda scope: {tuple(each(scope) for each in row) for row in rows}


def _unnested_rows(cursor: Cursor) -> Callable[[Scope], set[tuple[Any, ...]]]:
    cursor.expect("select", "*", "from", "unnest")
    arrays = cursor.listed(expression)
    return lambda scope: set(zip(*(each(scope) for each in arrays), strict=True))


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left is not None and left == right,
    "<>": lambda left, right: left is not None and right is not None and left != right,
    "<": lambda left, right: left is not None and right is not None and left < right,
    "<=": lambda left, right: left is not None and right is not None and left <= right,
    ">": lambda left, right: left is not None and right is not None and left > right,
}


def _of(row: Row) -> dict[str, Any]:
    return dict(row.items())

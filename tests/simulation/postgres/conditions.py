"""The conditions of plain statements: which rows of its table a statement means."""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from tests.simulation.postgres.expressions import (
    NOTHING,
    Cursor,
    Expression,
    NotPlain,
    Values,
    expression,
    fixed,
    unnested,
)
from tests.simulation.postgres.tables import Key, Row
from tests.simulation.postgres.transactions import Transaction

Test: TypeAlias = Callable[[Row], bool]
# What a row must be like, once the values are known: these are looked at once, rows by the hundred.
Condition: TypeAlias = Callable[[Values], Test]


def where(cursor: Cursor, table: str) -> Callable[[Transaction, Values], list[tuple[Key, Row]]]:
    """The rows that meet the conditions, at once where these name the whole primary key."""
    conditions: list[Condition] = []
    exact: dict[str, Expression] = {}
    if cursor.has("where"):
        conditions.append(_condition(cursor, exact))
        while cursor.has("and"):
            conditions.append(_condition(cursor, exact))

    def find(transaction: Transaction, values: Values) -> list[tuple[Key, Row]]:
        described = transaction.table(table)
        candidates: Iterable[Row] = transaction.rows(table)
        if exact.keys() >= set(described.key):
            row = transaction.one(
                table, tuple([exact[name](NOTHING, values, NOTHING) for name in described.key])
            )
            candidates = () if row is None else (row,)
        for condition in conditions:
            candidates = filter(condition(values), candidates)
        return [(described.key_of(row), row) for row in candidates]

    return find


def _condition(cursor: Cursor, exact: dict[str, Expression]) -> Condition:
    if cursor.peek() == "(":
        return _among_rows(cursor)
    name = cursor.peek()
    left = expression(cursor)
    if cursor.has("is"):
        is_negated = cursor.has("not")
        cursor.expect("null")
        return lambda values: lambda row: (left(row, values, NOTHING) is None) is not is_negated
    if cursor.has("in"):
        return _among(left, _all(cursor.listed(fixed)))
    compare = COMPARISONS.get(cursor.word())
    if compare is None:
        raise NotPlain(cursor.text)
    if cursor.has("any"):
        [listed] = cursor.listed(fixed)
        return _among(left, listed)
    right = fixed(cursor)
    if compare is COMPARISONS["="] and name.isidentifier():
        exact[name] = right
    return _compared(left, compare, right)


def _all(some: list[Expression]) -> Expression:
    return lambda row, values, excluded: [each(row, values, excluded) for each in some]


def _among(left: Expression, listed: Expression) -> Condition:
    def condition(values: Values) -> Test:
        wanted = listed(NOTHING, values, NOTHING)
        return lambda row: left(row, values, NOTHING) in wanted

    return condition


def _compared(left: Expression, compare: Callable[[Any, Any], bool], right: Expression) -> Condition:
    """What is compared with null is never so."""

    def condition(values: Values) -> Test:
        wanted = right(NOTHING, values, NOTHING)

        def test(row: Row) -> bool:
            found = left(row, values, NOTHING)
            return found is not None and wanted is not None and compare(found, wanted)

        return test

    return condition


def _among_rows(cursor: Cursor) -> Condition:
    names = cursor.names()
    cursor.expect("in", "(")
    wanted = _listed_rows(cursor) if cursor.has("values") else _unnested_rows(cursor)
    cursor.expect(")")

    def condition(values: Values) -> Test:
        rows = wanted(values)
        return lambda row: tuple([row[name] for name in names]) in rows

    return condition


def _listed_rows(cursor: Cursor) -> Callable[[Values], set[tuple[Any, ...]]]:
    rows = cursor.separated(lambda cursor: cursor.listed(fixed))
    return lambda values: {tuple([each(NOTHING, values, NOTHING) for each in row]) for row in rows}


def _unnested_rows(cursor: Cursor) -> Callable[[Values], set[tuple[Any, ...]]]:
    cursor.expect("select", "*", "from", "unnest")
    arrays = cursor.listed(fixed)
    return lambda values: set(unnested(arrays, values))


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
}

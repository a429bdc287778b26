"""Questions in SQL: named parameters, and pages of a list by keyset, never by offset."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from libs.chassis.sessions import Connection
from services.timeline.as_of import AsOf

PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_0-9]+)")


def bound(sql: str, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Statement and arguments with `:name` parameters numbered; only those that occur are bound."""
    names: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${names.setdefault(match.group(1), len(names) + 1)}"

    return PARAMETER.sub(numbered, sql), [values[name] for name in names]


async def ask(connection: Connection, sql: str, values: Mapping[str, Any]) -> list[asyncpg.Record]:
    statement, arguments = bound(sql, values)
    return await connection.fetch(statement, *arguments)


class Scope(NamedTuple):
    """Whose question it is: the organization, and the projects the caller may see (none: all of them)."""

    org_id: UUID
    visible: frozenset[UUID] | None

    def sees(self, project_id: UUID) -> bool:
        return self.visible is None or project_id in self.visible


class Sort(NamedTuple):
    """What a list may be sorted by: an expression that is never null, and its SQL type."""

    expression: str
    sql_type: str


class Order(NamedTuple):
    sort: Sort
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """A list as of then: the rows of `source` that meet all conditions, in an order, behind a key.

    `source` names its columns plainly and has `home_project_id`, by which access is judged. The last
    order term is the id, so that no two rows have the same key. `after` is the key of the last row seen.
    """

    source: str
    orders: tuple[Order, ...]
    conditions: tuple[str, ...]
    values: Mapping[str, Any]
    limit: int
    after: tuple[str, ...] | None = None


class Answer(NamedTuple):
    rows: list[asyncpg.Record]
    next_after: tuple[str, ...] | None


async def page(connection: Connection, scope: Scope, as_of: AsOf, question: ListQuestion) -> Answer:
    """One page, and the key behind which the next one begins, if there is one."""
    values = {**question.values, **standpoint(scope, as_of)}
    conditions = list(question.conditions)
    if scope.visible is not None:
        conditions.append("home_project_id = any(:visible)")
    if question.after is not None:
        conditions.append(_behind(question.orders, question.after, values))
    keys = ", ".join(
        f"({order.sort.expression})::text as key_{number}" for number, order in enumerate(question.orders)
    )
    sql = (
        f"select *, {keys} from ({question.source}) as row"
        f" where {' and '.join(f'({each})' for each in conditions) or 'true'}"
        f" order by {', '.join(map(_direction, question.orders))} limit {question.limit + 1:d}"
    )
    rows = await ask(connection, sql, values)
    if len(rows) <= question.limit:
        return Answer(rows, None)
    last = rows[question.limit - 1]
    key = tuple(last[f"key_{number}"] for number in range(len(question.orders)))
    return Answer(rows[: question.limit], key)


def standpoint(scope: Scope, as_of: AsOf) -> dict[str, Any]:
    """The parameters every question may use."""
    return {
        "org_id": scope.org_id,
        "visible": list(scope.visible or ()),
        "position": as_of.position,
        "effective_at": as_of.effective_at,
        "judged_on": as_of.judged_on,
    }


def _direction(order: Order) -> str:
    return f"{order.sort.expression} {'desc' if order.is_descending else 'asc'}"


def _behind(orders: Sequence[Order], after: Sequence[str], values: dict[str, Any]) -> str:
    """`(a, b) > (x, y)`, spelled out because each term has its own direction."""
    alternatives = []
    equal: list[str] = []
    for number, (order, text) in enumerate(zip(orders, after, strict=True)):
        values[f"after_{number}"] = text
        value = f":after_{number}::text::{order.sort.sql_type}"
        sign = "<" if order.is_descending else ">"
        alternatives.append(" and ".join([*equal, f"{order.sort.expression} {sign} {value}"]))
        equal.append(f"{order.sort.expression} = {value}")
    return " or ".join(f"({each})" for each in alternatives)

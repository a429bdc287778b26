"""Questions in SQL: named parameters, and pages of a list by keyset, never by offset."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import asyncpg

from libs.chassis.sessions import Connection
from services.timeline.as_of import AsOf

PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_0-9]+)")


class Scope(NamedTuple):
    """Whose question it is: the organization, and the projects the caller may see (none: all of them)."""

    org_id: UUID
    visible: frozenset[UUID] | None

    def sees(self, project_id: UUID) -> bool:
        return self.visible is None or project_id in self.visible


class Reading(NamedTuple):
    """A snapshot, whose question it answers, and as of when."""

    connection: Connection
    scope: Scope
    as_of: AsOf


Row = Mapping[str, Any]


async def ask(reading: Reading, sql: str, **values: Any) -> list[Row]:
    """The rows of a statement with `:name` parameters: those given, and those of the standpoint."""
    statement, arguments = bound(sql, {**values, **standpoint(reading)})
    return cast("list[Row]", await reading.connection.fetch(statement, *arguments))


def bound(sql: str, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Statement and arguments with `:name` parameters numbered; only those that occur are bound."""
    names: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${names.setdefault(match.group(1), len(names) + 1)}"

    return PARAMETER.sub(numbered, sql), [values[name] for name in names]


def standpoint(reading: Reading) -> dict[str, Any]:
    """The parameters every question may use."""
    return {
        "org_id": reading.scope.org_id,
        "visible": list(reading.scope.visible or ()),
        "position": reading.as_of.position,
        "effective_at": reading.as_of.effective_at,
        "judged_on": reading.as_of.judged_on,
    }


class Sort(NamedTuple):
    """What a list may be sorted by: an expression that is never null, and its SQL type."""

    expression: str
    sql_type: str


class Order(NamedTuple):
    sort: Sort
    is_descending: bool = False

    @property
    def text(self) -> str:
        return f"{self.sort.expression} {'desc' if self.is_descending else 'asc'}"


@dataclass
class Conditions:
    """Where the rows of a list come from, as of then, and what they must meet; filters that say nothing are left out.

    The source names its columns plainly. Access is judged row by row, `by_project`, in its `home_project_id`; where it
    is not, whoever may ask at all sees every row.
    """

    source: Callable[[AsOf], str]
    texts: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    by_project: bool = True

    def where(self, text: str, **values: Any) -> "Conditions":
        """Add a condition, unless one of its values is missing."""
        if not any(value is None or value == [] for value in values.values()):
            self.texts.append(f"({text})")
            self.values.update(values)
        return self

    def flag(self, text: str, wanted: bool | None) -> "Conditions":
        """Ask for rows that meet a condition, or for those that do not; without a wish for neither."""
        if wanted is not None:
            self.texts.append(f"({text}) is {'true' if wanted else 'not true'}")
        return self


class ListQuestion(NamedTuple):
    """A page of rows in an order whose last term is the id; `after` is the key of the last row seen."""

    orders: tuple[Order, ...]
    conditions: Conditions
    limit: int
    after: tuple[str, ...] | None = None


class Answer(NamedTuple):
    rows: list[Row]
    after: tuple[str, ...] | None


class InvalidKey(ValueError):
    """The key behind which a page shall begin does not fit its order."""


async def page(reading: Reading, question: ListQuestion) -> Answer:
    """One page, and the key behind which the next one begins, if there is one. Raises `InvalidKey`."""
    values = dict(question.conditions.values)
    texts = list(question.conditions.texts)
    if question.conditions.by_project and reading.scope.visible is not None:
        texts.append("home_project_id = any(:visible)")
    if question.after is not None:
        texts.append(_behind(question.orders, question.after, values))
    keys = ", ".join(
        f"({order.sort.expression})::text as key_{number}" for number, order in enumerate(question.orders)
    )
    sql = (
        f"select *, {keys} from ({question.conditions.source(reading.as_of)}) as row"
        f" where {' and '.join(texts) or 'true'}"
        f" order by {', '.join(order.text for order in question.orders)} limit {question.limit + 1:d}"
    )
    try:
        rows = await ask(reading, sql, **values)
    except asyncpg.DataError as error:
        raise InvalidKey from error
    if len(rows) <= question.limit:
        return Answer(rows, None)
    last = rows[question.limit - 1]
    return Answer(
        rows[: question.limit], tuple(last[f"key_{number}"] for number in range(len(question.orders)))
    )


def _behind(orders: Sequence[Order], after: Sequence[str], values: dict[str, Any]) -> str:
    """`(a, b) > (x, y)`, spelled out because each term has its own direction."""
    if len(after) != len(orders):
        raise InvalidKey
    alternatives = []
    equal: list[str] = []
    for number, (order, text) in enumerate(zip(orders, after, strict=True)):
        values[f"after_{number}"] = text
        value = f":after_{number}::text::{order.sort.sql_type}"
        sign = "<" if order.is_descending else ">"
        alternatives.append(" and ".join([*equal, f"{order.sort.expression} {sign} {value}"]))
        equal.append(f"{order.sort.expression} = {value}")
    return f"({' or '.join(f'({each})' for each in alternatives)})"

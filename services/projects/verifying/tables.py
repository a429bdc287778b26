"""A table against the rows it must have: each is looked up by its key, then what nobody expected is searched for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.sessions import PAGE_ROWS, Session


def as_it_is(row: Row) -> Row:
    return row


@dataclass(slots=True)
class Table:
    """`key` names its columns with their types, `position` the column that says which event caused a row.

    `shown` makes of a row what is compared.
    """

    session: Session
    name: str
    key: Mapping[str, str]
    position: str
    verdict: Verdict
    shown: Callable[[Row], Row] = as_it_is
    condition: str = "true"
    found: int = 0

    async def compare(self, expected: Sequence[Row], forgiven: Collection[int] = ()) -> None:
        """Look up each of these rows; those of `forgiven` positions may be gone."""
        if not expected:
            return
        there = await self._look_up(expected)
        for row in expected:
            key = self._key(row)
            found = there.get(key)
            if found is not None:
                self.found += 1
                self.verdict.saw(found)
            elif row[self.position] in forgiven:
                continue
            if found != row:
                self._differs(row, row, found)

    async def search_surplus(
        self, log: EventLog, expects: Callable[[Row, Event | None], bool], goes: Collection[str] = ()
    ) -> None:
        """Every row that was not looked up must be expected where one asks the event at its position.

        Rows of organizations that are in `goes` are on their way out.
        """
        statement = f"select count(*) from {self.name} as found where {self.condition}"
        unexplained = await self.session.value(statement) - self.found
        if unexplained <= 0:
            return
        after: Row | None = None
        while page := await self._page(after):
            events = await log.at([row[self.position] for row in page])
            for row in page:
                if row.get("org_id") not in goes and not expects(row, events.get(row[self.position])):
                    self._differs(row, None, self.shown(row))
            after = page[-1]

    async def _look_up(self, expected: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
        columns = [[row[name] for row in expected] for name in self.key]
        arrays = (_array(number, sql) for number, sql in enumerate(self.key.values(), 1))
        joined = " and ".join(f"found.{name} = wanted.{name}" for name in self.key)
        statement = (
            f"select to_jsonb(found)::text from unnest({', '.join(arrays)}) as wanted ({', '.join(self.key)})"
            f" join {self.name} as found on {joined} where {self.condition}"
        )
        there: dict[tuple[Any, ...], Row] = {}
        for row in await self.session.rows(statement, *columns):
            if self._key(row) in there:
                self.verdict.add(Finding(self.name, "doubled", row[self.position], self._named(row)))
                self.found += 1
            there[self._key(row)] = self.shown(row)
        return there

    async def _page(self, after: Row | None) -> list[dict[str, Any]]:
        names = ", ".join(self.key)
        places = ", ".join(_scalar(number, sql) for number, sql in enumerate(self.key.values(), 1))
        behind = f"and ({names}) > ({places})" if after is not None else ""
        statement = (
            f"select to_jsonb(found)::text from {self.name} as found where {self.condition} {behind}"
            f" order by {names} limit {PAGE_ROWS}"
        )
        return await self.session.rows(statement, *(self._key(after) if after is not None else ()))

    def _differs(self, row: Row, expected: Row | None, found: Row | None) -> None:
        position = row[self.position]
        self.verdict.add(Finding.of(self.name, self._named(row), position, expected, found))

    def _named(self, row: Row) -> Row:
        return {name: row[name] for name in self.key}

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)


def _array(number: int, sql: str) -> str:
    return f"${number}::bigint[]" if sql == "bigint" else f"${number}::text[]::{sql}[]"


def _scalar(number: int, sql: str) -> str:
    return f"${number}::bigint" if sql == "bigint" else f"${number}::text::{sql}"

"""A table against the rows it must have: each is looked up by its key, then what nobody expected is searched for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.sessions import PAGE_ROWS, Session


class Expected(NamedTuple):
    """A row that must be there, and the position of the event that makes it what it is."""

    position: int
    row: Row


def as_it_is(row: Row) -> Row:
    return row


@dataclass(slots=True)
class Table:
    """`key` names its columns with their types, `position` the column that says which event caused a row.

    Where no column says that, a row is one of a stream, caused by its first event about a project. `shown` makes of a
    row what is compared; `source` is what the rows are read from, where it is more than the table of that name.
    """

    session: Session
    name: str
    key: Mapping[str, str]
    position: str | None
    verdict: Verdict
    shown: Callable[[Row], Row] = as_it_is
    condition: str = "true"
    source: str = ""
    found: int = 0

    def __post_init__(self) -> None:
        self.source = self.source or self.name
        self.verdict.tables.add(f"{self.session.database}.{self.name}")

    async def compare(self, expected: Sequence[Expected], forgiven: Collection[int] = ()) -> None:
        """Look up each of these rows; those of `forgiven` positions may be gone."""
        if not expected:
            return
        there = await self._look_up([row for _, row in expected])
        for position, row in expected:
            found = there.get(self._key(row))
            if found is not None:
                self.found += 1
                self.verdict.saw(found)
            elif position in forgiven:
                continue
            if found != row:
                self._differs(row, position, row, found)

    async def search_surplus(
        self, log: EventLog, expects: Callable[[Row, Event | None], bool], goes: Collection[str] = ()
    ) -> None:
        """Every row that was not looked up must be expected where one asks the event that caused it.

        Rows of organizations that are in `goes` are on their way out.
        """
        statement = f"select count(*) from {self.source} as found where {self.condition}"
        unexplained = await self.session.value(statement) - self.found
        if unexplained <= 0:
            return
        after: Row | None = None
        while page := await self._page(after):
            for row, event in zip(page, await self._causes(log, page), strict=True):
                if row.get("org_id") not in goes and not expects(row, event):
                    self._differs(row, self._position(row, event), None, self.shown(row))
            after = page[-1]

    async def _causes(self, log: EventLog, rows: Sequence[Row]) -> list[Event | None]:
        if self.position is None:
            streams = [(row["org_id"], row["stream"]) for row in rows]
            first = await log.first_in_project(streams)
            return [first.get(stream) for stream in streams]
        events = await log.at([row[self.position] for row in rows])
        return [events.get(row[self.position]) for row in rows]

    def _position(self, row: Row, event: Event | None = None) -> int | None:
        says = row if self.position is not None else event
        return None if says is None else int(says[self.position or "position"])

    async def _look_up(self, expected: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
        columns = [[row[name] for row in expected] for name in self.key]
        arrays = (_array(number, sql) for number, sql in enumerate(self.key.values(), 1))
        joined = " and ".join(f"found.{name} = wanted.{name}" for name in self.key)
        statement = (
            f"select to_jsonb(found)::text from unnest({', '.join(arrays)}) as wanted ({', '.join(self.key)})"
            f" join {self.source} as found on {joined} where {self.condition}"
        )
        there: dict[tuple[Any, ...], Row] = {}
        for row in await self.session.rows(statement, *columns):
            if self._key(row) in there:
                self.verdict.add(Finding(self.name, "doubled", self._position(row), self._named(row)))
                self.found += 1
            there[self._key(row)] = self.shown(row)
        return there

    async def _page(self, after: Row | None) -> list[dict[str, Any]]:
        names = ", ".join(self.key)
        places = ", ".join(_scalar(number, sql) for number, sql in enumerate(self.key.values(), 1))
        behind = f"and ({names}) > ({places})" if after is not None else ""
        statement = (
            f"select to_jsonb(found)::text from {self.source} as found where {self.condition} {behind}"
            f" order by {names} limit {PAGE_ROWS}"
        )
        return await self.session.rows(statement, *(self._key(after) if after is not None else ()))

    def _differs(self, row: Row, position: int | None, expected: Row | None, found: Row | None) -> None:
        self.verdict.add(Finding.of(self.name, self._named(row), position, expected, found))

    def _named(self, row: Row) -> Row:
        return {name: row[name] for name in self.key}

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)


def _array(number: int, sql: str) -> str:
    return f"${number}::bigint[]" if sql == "bigint" else f"${number}::text[]::{sql}[]"


def _scalar(number: int, sql: str) -> str:
    return f"${number}::bigint" if sql == "bigint" else f"${number}::text::{sql}"

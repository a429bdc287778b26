"""What a transaction has written, unseen by others until it commits, and the rows it holds against them."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tests.simulation.postgres.tables import Key, Row, Table

ABSENT: Any = object()
Ended: TypeAlias = Callable[[], None]


class Blocked(Exception):
    """A row is held by another transaction: do the statement again when that is over."""

    def __init__(self, holder: "Transaction") -> None:
        self.holder = holder


class Database:
    """What is committed, and which rows are held by whom."""

    def __init__(self, tables: dict[str, Table]) -> None:
        self.tables = tables
        self.held: dict[tuple[str, Key], Transaction] = {}
        self.commits = 0


class Transaction:
    """Read committed: every statement sees what is committed when it runs, and what this transaction wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: dict[str, dict[Key, Row | None]] = {}
        self._held: list[tuple[str, Key]] = []
        self._undo: list[tuple[dict[Key, Row | None], Key, Any]] = []
        self._waiting: list[Ended] = []
        self.returned: dict[str, list[Row]] = {}
        """What the parts of a statement returned, by their names."""
        self.is_over = False

    # --- Statements read and write through these ---

    def table(self, name: str) -> Table:
        return self._database.tables[name]

    def one(self, name: str, key: Key) -> Row | None:
        """The row of a primary key."""
        written = self._written.get(name)
        if written is not None and key in written:
            return written[key]
        return self._database.tables[name].rows.get(key)

    def rows(self, name: str) -> Iterator[Row]:
        """Every row of a table."""
        written = self._written.get(name)
        committed = self._database.tables[name].rows
        if not written:
            yield from committed.values()
            return
        for key, row in committed.items():
            if key not in written:
                yield row
        yield from (row for row in written.values() if row is not None)

    def group(self, name: str, prefix: Key) -> Iterator[Row]:
        """The rows of a table whose key begins so."""
        written = self._written.get(name)
        committed = self._database.tables[name].groups.get(prefix, {})
        if not written:
            yield from committed.values()
            return
        for key, row in committed.items():
            if key not in written:
                yield row
        for key, after in written.items():
            if after is not None and key[: len(prefix)] == prefix:
                yield after

    def hold(self, name: str, key: Key) -> None:
        """Hold a row against others until the end; raises `Blocked` where another one holds it."""
        holder = self._database.held.setdefault((name, key), self)
        if holder is not self:
            raise Blocked(holder)
        self._held.append((name, key))

    def is_held_elsewhere(self, name: str, key: Key) -> bool:
        return self._database.held.get((name, key), self) is not self

    def write(self, name: str, key: Key, row: Row | None) -> None:
        """Put a row there, or take it away."""
        self.hold(name, key)
        written = self._written.setdefault(name, {})
        self._undo.append((written, key, written.get(key, ABSENT)))
        written[key] = row

    def insert(self, name: str, key: Key, row: Row) -> Row | None:
        """Put a row where none is; returns the one that is there instead."""
        place = (name, key)
        holder = self._database.held.setdefault(place, self)
        if holder is not self:
            raise Blocked(holder)
        self._held.append(place)
        written = self._written.setdefault(name, {})
        before = written.get(key, ABSENT)
        there = self._database.tables[name].rows.get(key) if before is ABSENT else before
        if there is None:
            self._undo.append((written, key, before))
            written[key] = row
        return there

    # --- Sessions begin and end with these ---

    def execute(self, statement: Callable[["Transaction", Any], Any], values: Any) -> Any:
        """Run one statement whole or not at all."""
        self._undo.clear()
        try:
            return statement(self, values)
        except BaseException:
            for written, key, before in reversed(self._undo):
                if before is ABSENT:
                    del written[key]
                else:
                    written[key] = before
            raise

    def commit(self) -> None:
        for name, written in self._written.items():
            table = self._database.tables[name]
            for key, row in written.items():
                table.put(key, row)
        self._database.commits += 1
        self.end()

    def end(self) -> None:
        """Let go of everything; without `commit` before, nothing was ever written."""
        self.is_over = True
        for held in self._held:
            self._database.held.pop(held, None)
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()

    def when_over(self, go_on: Ended) -> None:
        self._waiting.append(go_on)

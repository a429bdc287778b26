"""The history of one kind of entity: its current rows, and a row for each change with the state after it.

Both tables are written in bulk, a statement each per batch. Current rows are cached between batches;
a row that does not fit the next event of its stream is read again, so the cache can be stale but not wrong.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pydantic_core import to_json

from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope, Event, StreamKey, aggregate_of, entity_id_of, stream_name
from services.timeline.projection import Projection
from services.timeline.rows import append, columns, upsert

CACHED_ROWS_MAX = 50_000
COLUMNS_OF_CHANGES = {"type": "text", "actor": "uuid", "note": "text", "detail": "json"}


class EntityRow(Protocol):
    """How an entity stands after a change: a named tuple that begins with its key."""

    @property
    def org_id(self) -> UUID: ...
    @property
    def known_from(self) -> int: ...
    @property
    def version(self) -> int: ...


Row = TypeVar("Row", bound=EntityRow)


class Explanation(NamedTuple):
    """What a change says beside the state after it: its text, and further facts as JSON."""

    note: str | None = None
    detail: dict[str, Any] | None = None


class EntityHistory(Projection, Generic[Row]):
    """Folds the events of one aggregate.

    `project(row, event)` gives the row after the event and `explain(event)` what else to keep of it;
    both are pure. Tables are named without a schema: the connection's search path decides which
    copy of the projection is written.
    """

    def __init__(
        self,
        title: str,
        version: int,
        *,
        aggregate: str,
        row_type: type[Row],
        project: Callable[[Row | None, Event], Row],
        explain: Callable[[Event], Explanation],
    ) -> None:
        super().__init__(title, version)
        self._aggregate = aggregate
        self._project = project
        self._explain = explain
        self._row: Any = row_type
        self._table = f"{aggregate}s"
        types = columns(self._row)
        self._columns = tuple(types)
        self._append = append(f"{aggregate}_changes", types | COLUMNS_OF_CHANGES)
        id_column = f"{aggregate}_id"
        self._upsert = upsert(self._table, ("org_id", id_column), self._row)
        self._select = (
            f"select {', '.join(self._columns)} from {self._table} "
            f"where (org_id, {id_column}) in (select * from unnest($1::uuid[], $2::uuid[]))"
        )
        self._cache: dict[StreamKey, Row] = {}

    def forget(self) -> None:
        self._cache.clear()

    def concerns(self, envelope: Envelope) -> bool:
        return aggregate_of(envelope.stream) == self._aggregate

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        """Fold a batch, in order, in the caller's transaction."""
        mine = [event for event in events if self.concerns(event.envelope)]
        if not mine:
            return
        await self._load(connection, self._missing(mine))
        changed: dict[StreamKey, Row] = {}
        changes = [self._change(event, changed) for event in mine]
        await self._append.write(connection, changes)
        await self._upsert.write(connection, changed.values())  # type: ignore[arg-type]
        self._forget_oldest()

    def _change(self, event: Event, changed: dict[StreamKey, Row]) -> tuple[Any, ...]:
        envelope = event.envelope
        key = envelope.key
        before = self._cache.pop(key, None)
        row: Any = self._project(before, event)
        self._cache[key] = changed[key] = row
        note, detail = self._explain(event)
        return (
            *row,
            envelope.type,
            envelope.actor,
            note,
            None if detail is None else to_json(detail).decode(),
        )

    def _missing(self, events: Sequence[Event]) -> set[StreamKey]:
        """The entities whose current row has to be read: not cached, or cached and out of step."""
        seen: set[StreamKey] = set()
        missing: set[StreamKey] = set()
        for envelope, _ in events:
            key = envelope.key
            if key in seen:
                continue
            seen.add(key)
            cached = self._cache.get(key)
            if (cached.version if cached else 0) + 1 != envelope.version:
                missing.add(key)
        return missing

    async def _load(self, connection: Connection, keys: Iterable[StreamKey]) -> None:
        wanted = list(keys)
        if wanted:
            rows = await connection.fetch(
                self._select, [key.org_id for key in wanted], [entity_id_of(key.stream) for key in wanted]
            )
            for row in rows:
                self._cache[StreamKey(row[0], stream_name(self._aggregate, row[1]))] = self._row(*row)

    def _forget_oldest(self) -> None:
        surplus = len(self._cache) - CACHED_ROWS_MAX
        if surplus > 0:
            for key in list(self._cache)[:surplus]:
                del self._cache[key]

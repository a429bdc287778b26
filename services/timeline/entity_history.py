"""The history of one kind of entity: its current rows, and a row for each change with the state after it.

Both tables are written in bulk, with a part each in the statement of a batch. Current rows are cached between batches;
a row that does not fit the next event of its stream is read again, so the cache can be stale but not wrong.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID

from pydantic_core import to_json

from libs.chassis.sessions import Connection
from libs.events.envelope import (
    Envelope,
    Event,
    EventData,
    StreamKey,
    aggregate_of,
    entity_id_of,
    stream_name,
)
from libs.events.writing import Write, write_together, writes
from services.timeline.projection import Projection, UnknownEntity
from services.timeline.rows import append, columns, copy, given, upsert

PUT_AWAY_ROWS_MAX = 5_000
COLUMNS_OF_CHANGES = {"type": "text", "actor": "uuid", "note": "text", "detail": "json"}


class EntityRow(Protocol):
    """How an entity stands after a change: a named tuple whose fields begin with these, the second being its id."""

    @property
    def org_id(self) -> UUID: ...
    @property
    def known_from(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def effective_at(self) -> datetime: ...


Row = TypeVar("Row", bound=EntityRow)
Fields: TypeAlias = dict[str, Any]


class Explanation(NamedTuple):
    """What a change says beside the state after it: its text, and further facts as JSON."""

    note: str | None = None
    detail: dict[str, Any] | None = None


class EntityHistory(Projection, Generic[Row]):
    """Folds the events of one aggregate. Its first one is a `created_by`.

    `created(event)` gives the fields of the first row, `changed(row, event)` those that a further event changes, and
    `explain(event)` what else to keep of it; all are pure. Tables are named without a schema: the connection's
    search path decides which copy of the projection is written. `cached_rows_max` bounds what is remembered
    between batches.
    """

    cached_rows_max = 50_000

    def __init__(
        self,
        title: str,
        version: int,
        *,
        aggregate: str,
        row_type: type[Row],
        created_by: type[EventData],
        created: Callable[[Event], Fields],
        changed: Callable[[Row, Event], Fields],
        explain: Callable[[Event], Explanation],
    ) -> None:
        super().__init__(title, version)
        self._aggregate = aggregate
        self._created_by = created_by
        self._created = created
        self._changed = changed
        self._explain = explain
        self._row: Any = row_type
        self._statements = Statements.of(aggregate, self._row)
        self._cache: dict[StreamKey, Row] = {}

    def project(self, before: Row | None, event: Event) -> Row:
        """The row after the event; raises `UnknownEntity` where there is none before and the event creates none."""
        envelope = event.envelope
        if before is None:
            return self._first(event)
        row: Any = before
        after: Row = row._replace(
            known_from=envelope.position,
            version=envelope.version,
            recorded_at=envelope.recorded_at,
            effective_at=envelope.effective_at,
            **self._changed(before, event),
        )
        return after

    def _first(self, event: Event) -> Row:
        envelope, data = event
        if not isinstance(data, self._created_by):
            raise UnknownEntity(envelope)
        first: Row = self._row(
            envelope.org_id,
            envelope.entity_id,
            envelope.position,
            envelope.version,
            envelope.recorded_at,
            envelope.effective_at,
            **self._created(event),
        )
        return first

    def forget(self) -> None:
        self._cache.clear()

    def concerns(self, envelope: Envelope) -> bool:
        return aggregate_of(envelope.stream) == self._aggregate

    async def apply(self, connection: Connection, events: Sequence[Event]) -> Sequence[Write]:
        """The changes of a batch; how the entities stand after it follows from them."""
        changes = await self._changes(connection, self._mine(events))
        self._take_oldest(len(self._cache) - self.cached_rows_max)
        return self._statements.written(self._statements.append, changes)

    async def fold(self, connection: Connection, events: Sequence[Event]) -> None:
        """Write the changes; how an entity stands is written when it has not been heard of for long, or at the end."""
        changes = await self._changes(connection, self._mine(events))
        await copy(connection, self._statements.table, self._statements.columns, changes)
        await self._put_away(connection, len(self._cache) - self.cached_rows_max)

    async def complete(self, connection: Connection) -> None:
        await self._put_away(connection, len(self._cache))

    def _mine(self, events: Sequence[Event]) -> list[tuple[StreamKey, Event]]:
        # Every history looks at every event; to ask `concerns` would cost three times as much.
        aggregate = self._aggregate
        return [(event[0].key, event) for event in events if aggregate_of(event[0].stream) == aggregate]

    async def _changes(
        self, connection: Connection, events: Sequence[tuple[StreamKey, Event]]
    ) -> list[tuple[Any, ...]]:
        """A row for each event, with the state after it, which is remembered."""
        await self._load(connection, self._missing(events))
        return [self._change(key, event) for key, event in events]

    def _change(self, key: StreamKey, event: Event) -> tuple[Any, ...]:
        row: Any = self.project(self._cache.pop(key, None), event)
        self._cache[key] = row
        note, detail = self._explain(event)
        text = None if detail is None else to_json(detail).decode()
        return (*row, event.envelope.type, event.envelope.actor, note, text)

    def _missing(self, events: Sequence[tuple[StreamKey, Event]]) -> set[StreamKey]:
        """The entities whose current row has to be read: not cached, or cached and out of step."""
        seen: set[StreamKey] = set()
        missing: set[StreamKey] = set()
        for key, event in events:
            if key not in seen:
                seen.add(key)
                cached = self._cache.get(key)
                if (cached.version if cached else 0) + 1 != event.envelope.version:
                    missing.add(key)
        return missing

    async def _load(self, connection: Connection, keys: Collection[StreamKey]) -> None:
        if keys:
            orgs, ids = [key.org_id for key in keys], [entity_id_of(key.stream) for key in keys]
            for row in await connection.fetch(self._statements.load, orgs, ids):
                self._cache[StreamKey(row[0], stream_name(self._aggregate, row[1]))] = self._row(*row)

    async def _put_away(self, connection: Connection, count: int) -> None:
        """Write how the entities that were not heard of for longest stand, and forget them."""
        oldest = self._take_oldest(count)
        for first in range(0, len(oldest), PUT_AWAY_ROWS_MAX):
            chunk = oldest[first : first + PUT_AWAY_ROWS_MAX]
            await write_together(connection, self._statements.written(self._statements.given, chunk))

    def _take_oldest(self, count: int) -> list[Any]:
        return [self._cache.pop(key) for key in list(islice(self._cache, max(count, 0)))]


class Statements(NamedTuple):
    """The statements of one history, and the table of changes with its columns."""

    table: str
    columns: Sequence[str]
    given: str
    append: str
    changed: str
    show: str
    load: str

    @classmethod
    def of(cls, aggregate: str, row_type: Any) -> "Statements":
        table, id_column, changed = f"{aggregate}_changes", f"{aggregate}_id", f"{aggregate}_changed"
        standing = columns(row_type)
        types = standing | COLUMNS_OF_CHANGES
        fields = ", ".join(standing)
        latest = f"""
            select distinct on (org_id, {id_column}) {fields} from {changed}
            order by org_id, {id_column}, known_from desc
            """
        load = f"""
            select {fields} from {aggregate}s
            where (org_id, {id_column}) in (select * from unnest($1::uuid[], $2::uuid[]))
            """
        return cls(
            table,
            list(types),
            given(standing),
            f"{append(table, types)} returning *",
            changed,
            upsert(f"{aggregate}s", ("org_id", id_column), standing, latest),
            load,
        )

    def written(self, source: str, rows: Sequence[tuple[Any, ...]]) -> list[Write]:
        """Rows written by a statement that returns them, and the latest of each entity as how it stands."""
        parts = writes(source, rows)
        return [*(part._replace(name=self.changed) for part in parts), *(Write(self.show) for _ in parts)]

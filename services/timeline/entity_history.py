"""The history of one kind of entity: its current rows, and a row for each change with the state after it.

Both tables are written in bulk, a statement each per batch. Current rows are cached between batches;
a row that does not fit the next event of its stream is read again, so the cache can be stale but not wrong.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pydantic_core import to_json

from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope, Event, StreamKey, aggregate_of, entity_id_of, stream_name
from services.timeline.projection import Projection
from services.timeline.rows import append, columns

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
        self._append = append(f"{aggregate}_changes", columns(self._row) | COLUMNS_OF_CHANGES)
        self._statements = Statements.of(aggregate, self._row)
        self._cache: dict[StreamKey, Row] = {}

    def forget(self) -> None:
        self._cache.clear()

    def concerns(self, envelope: Envelope) -> bool:
        return aggregate_of(envelope.stream) == self._aggregate

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        """Fold a batch, in order, in the caller's transaction."""
        changed = await self._fold(connection, events)
        if changed:
            orgs, ids = _columns(changed)
            await connection.execute(self._statements.show, orgs, ids)

    async def fold(self, connection: Connection, events: Sequence[Event]) -> None:
        await self._fold(connection, events)

    async def complete(self, connection: Connection) -> None:
        await connection.execute(self._statements.show_all)

    async def _fold(self, connection: Connection, events: Sequence[Event]) -> set[StreamKey]:
        """Write the changes; returns what changed."""
        mine = [(event.envelope.key, event) for event in events if self.concerns(event.envelope)]
        if not mine:
            return set()
        await self._load(connection, self._missing(mine))
        await self._append.write(connection, [self._change(key, event) for key, event in mine])
        self._forget_oldest()
        return {key for key, _ in mine}

    def _change(self, key: StreamKey, event: Event) -> tuple[Any, ...]:
        row: Any = self._project(self._cache.pop(key, None), event)
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
            orgs, ids = _columns(keys)
            for row in await connection.fetch(self._statements.load, orgs, ids):
                self._cache[StreamKey(row[0], stream_name(self._aggregate, row[1]))] = self._row(*row)

    def _forget_oldest(self) -> None:
        surplus = len(self._cache) - CACHED_ROWS_MAX
        if surplus > 0:
            for key in list(self._cache)[:surplus]:
                del self._cache[key]


class Statements(NamedTuple):
    """The statements of one history: the latest change of an entity is how it stands."""

    load: str
    show: str
    show_all: str

    @classmethod
    def of(cls, aggregate: str, row_type: Any) -> "Statements":
        table, changes_table, id_column = f"{aggregate}s", f"{aggregate}_changes", f"{aggregate}_id"
        fields = ", ".join(row_type._fields)
        load = f"""
            select change.*
            from unnest($1::uuid[], $2::uuid[]) as key (org_id, {id_column})
            cross join lateral (
                select {fields} from {changes_table} row
                where row.org_id = key.org_id and row.{id_column} = key.{id_column}
                order by row.known_from desc limit 1
            ) change
            """
        show = f"""
            insert into {table} ({fields}) {load}
            on conflict (org_id, {id_column}) do update set
            {", ".join(f"{name} = excluded.{name}" for name in row_type._fields[2:])}
            """
        show_all = f"""
            insert into {table} ({fields})
            select distinct on (org_id, {id_column}) {fields} from {changes_table}
            order by org_id, {id_column}, known_from desc
            """
        return cls(load, show, show_all)


def _columns(keys: Collection[StreamKey]) -> tuple[list[UUID], list[UUID]]:
    return [key.org_id for key in keys], [entity_id_of(key.stream) for key in keys]

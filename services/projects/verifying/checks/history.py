"""A history of timeline, both its tables, against an independent fold of every stream of its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.folding.reading import folded, kind_of
from services.projects.verifying.folding.state import LogContradicted, State
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.places import Places
from services.projects.verifying.plain_json import parsed
from services.projects.verifying.standing import Standing
from services.projects.verifying.tables import Expected, Table

HISTORIES = ("project", "milestone", "issue", "member", "api_key")
KEPT_AS_TEXT = ("workflow", "project_roles", "scopes", "project_ids")


def rebuild(title: str) -> str:
    """What to do about a read model of timeline that differs."""
    return f"Fold it anew from the log: python -m services.timeline rebuild {title}; then verify again."


def texts_read(row: Row) -> Row:
    """The row, with what it keeps as JSON text read."""
    texts = {name: parsed(row[name]) for name in KEPT_AS_TEXT if row.get(name) is not None}
    return {**row, **texts} if texts else row


@dataclass(slots=True)
class History:
    """Pages by stream. Compares what timeline has applied; entities are folded one at a time."""

    kind: str
    handler: str
    timeline: Consumer
    log: EventLog
    verdict: Verdict
    state: State | None = None
    is_readable: bool = True
    _standing: Standing = field(init=False)
    _changes: Table = field(init=False)

    @classmethod
    async def of(cls, kind: str, places: Places) -> "History":
        title = f"{kind}_history"
        handler = await places.timeline.read_model(title)
        return cls(kind, handler, places.timeline, places.log, Verdict(f"{kind}s", rebuild(title)))

    def __post_init__(self) -> None:
        self._standing = Standing(self._table(f"{self.kind}s", {}))
        self._changes = self._table(f"{self.kind}_changes", {"known_from": "bigint"})

    async def see(self, events: Sequence[Event]) -> None:
        changes = []
        for event in events:
            if kind_of(event["stream"]) == self.kind and self.timeline.keeps(self.handler, event):
                change = self._change(event)
                if change is not None:
                    changes.append(Expected(event["position"], change))
        await self._changes.compare(changes)
        await self._standing.compare()

    async def finish(self) -> None:
        await self._standing.finish()
        for table in (self._standing.table, self._changes):
            await table.search_surplus(self.log, self._expects, self.timeline.forgotten)

    def _change(self, event: Event) -> Row | None:
        if self._standing.begins(event):
            self.state, self.is_readable = None, True
        if not self.is_readable:
            return None
        try:
            change = folded(self.state, event)
        except LogContradicted as error:
            # The check of streams says what is wrong with the log; what timeline made of it can not be said.
            self.is_readable, self._standing.last = False, None
            self.verdict.notes.append(f"position {event['position']} and what follows it: {error}")
            return None
        self.state = change.state
        self._standing.last = Expected(event["position"], change.state)
        told = {"type": event["type"], "actor": event["actor"], "note": change.note, "detail": change.detail}
        return {**change.state, **told}

    def _expects(self, row: Row, event: Event | None) -> bool:
        return (
            event is not None
            and (event["org_id"], event["stream"]) == (row["org_id"], f"{self.kind}-{row[f'{self.kind}_id']}")
            and self.timeline.keeps(self.handler, event)
        )

    def _table(self, name: str, more: Mapping[str, str]) -> Table:
        key = {"org_id": "uuid", f"{self.kind}_id": "uuid", **more}
        name = f"{self.handler}.{name}"
        return Table(self.timeline.session, name, key, "known_from", self.verdict, texts_read)

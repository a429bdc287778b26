"""A history of timeline, both its tables, against an independent fold of every stream of its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.projects.verifying.consumers import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.folding.reading import folded, kind_of
from services.projects.verifying.folding.state import LogContradicted, State
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.plain_json import parsed
from services.projects.verifying.sessions import PAGE_ROWS, Unreachable
from services.projects.verifying.tables import Table

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
    stream: tuple[str, str] = ("", "")
    state: State | None = None
    is_readable: bool = True
    _standing: list[Row] = field(default_factory=list)
    _now: Table = field(init=False)
    _changes: Table = field(init=False)

    @classmethod
    async def of(cls, kind: str, timeline: Consumer, log: EventLog, check: str) -> "History":
        title = f"{kind}_history"
        schema = await timeline.schema(title)
        if schema is None:
            raise Unreachable(f"timeline has no schema of {title}")
        return cls(kind, schema, timeline, log, Verdict(check, rebuild(title)))

    def __post_init__(self) -> None:
        self._now = self._table(f"{self.kind}s", {})
        self._changes = self._table(f"{self.kind}_changes", {"known_from": "bigint"})

    async def see(self, events: Sequence[Event]) -> None:
        changes = []
        for event in events:
            if kind_of(event["stream"]) == self.kind and self.timeline.keeps(self.handler, event):
                change = self._change(event)
                if change is not None:
                    changes.append(change)
        await self._changes.compare(changes)
        if len(self._standing) >= PAGE_ROWS:
            await self._compare_standing()

    async def finish(self) -> None:
        self._stands()
        await self._compare_standing()
        await self._now.search_surplus(self.log, self._expects, self.timeline.forgotten)
        await self._changes.search_surplus(self.log, self._expects, self.timeline.forgotten)

    def _change(self, event: Event) -> Row | None:
        stream = (event["org_id"], event["stream"])
        if stream != self.stream:
            self._stands()
            self.stream, self.state, self.is_readable = stream, None, True
        if not self.is_readable:
            return None
        try:
            change = folded(self.state, event)
        except LogContradicted as error:
            # The check of streams says what is wrong with the log; what timeline made of it can not be said.
            self.is_readable = False
            self.verdict.notes.append(f"position {event['position']} and what follows it: {error}")
            return None
        self.state = change.state
        told = {"type": event["type"], "actor": event["actor"], "note": change.note, "detail": change.detail}
        return {**change.state, **told}

    def _stands(self) -> None:
        if self.state is not None and self.is_readable:
            self._standing.append(self.state)

    async def _compare_standing(self) -> None:
        standing, self._standing = self._standing, []
        await self._now.compare(standing)

    def _expects(self, row: Row, event: Event | None) -> bool:
        return (
            event is not None
            and (event["org_id"], event["stream"]) == (row["org_id"], f"{self.kind}-{row[f'{self.kind}_id']}")
            and self.timeline.keeps(self.handler, event)
        )

    def _table(self, name: str, more: Mapping[str, str]) -> Table:
        key = {"org_id": "uuid", f"{self.kind}_id": "uuid", **more}
        shown: Any = texts_read
        return Table(self.timeline.session, f"{self.handler}.{name}", key, "known_from", self.verdict, shown)

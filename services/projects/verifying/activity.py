"""Timeline's activity and moments against the log: a row for each event of a project, and one for each instant."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.projects.verifying.consumers import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.histories import rebuild
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.sessions import Unreachable
from services.projects.verifying.tables import Table

COPIED = (
    *("org_id", "project_id", "position", "recorded_at", "effective_at", "event_id", "type", "stream"),
    *("version", "actor", "on_behalf_of"),
)


async def handler(timeline: Consumer, title: str) -> str:
    """The name of a read model's checkpoint and schema; raises `Unreachable` where there is none."""
    found = await timeline.schema(title)
    if found is None:
        raise Unreachable(f"timeline has no schema of {title}")
    return found


def with_sentence(row: Row) -> Row:
    """Sentences are for people and may be put better one day; that there is one is compared."""
    return {**row, "sentence": bool(row["sentence"])}


@dataclass(slots=True)
class Activity:
    """Pages by position."""

    name: str
    timeline: Consumer
    log: EventLog
    verdict: Verdict
    table: Table

    @classmethod
    async def of(cls, timeline: Consumer, log: EventLog) -> "Activity":
        name = await handler(timeline, "activity")
        verdict = Verdict("activity", rebuild("activity"))
        key = {"org_id": "uuid", "project_id": "uuid", "position": "bigint"}
        table = Table(timeline.session, f"{name}.activity", key, "position", verdict, with_sentence)
        return cls(name, timeline, log, verdict, table)

    async def see(self, events: Sequence[Event]) -> None:
        await self.table.compare([self._row(event) for event in events if self._has(event)])

    async def finish(self) -> None:
        await self.table.search_surplus(self.log, self._expects, self.timeline.forgotten)

    def _has(self, event: Event) -> bool:
        return event["project_id"] is not None and self.timeline.keeps(self.name, event)

    def _row(self, event: Event) -> Row:
        return {name: event[name] for name in COPIED} | {"sentence": True}

    def _expects(self, row: Row, event: Event | None) -> bool:
        names = ("org_id", "project_id")
        return event is not None and self._has(event) and all(row[name] == event[name] for name in names)


@dataclass(slots=True)
class Moments:
    """Pages by position. The last position of an instant is known once a later instant is seen."""

    name: str
    timeline: Consumer
    log: EventLog
    verdict: Verdict
    table: Table
    last: Row | None = None

    @classmethod
    async def of(cls, timeline: Consumer, log: EventLog) -> "Moments":
        name = await handler(timeline, "moments")
        verdict = Verdict("moments", rebuild("moments"))
        table = Table(
            timeline.session, f"{name}.moments", {"recorded_at": "timestamptz"}, "position", verdict
        )
        return cls(name, timeline, log, verdict, table)

    async def see(self, events: Sequence[Event]) -> None:
        over = []
        for event in events:
            if not self.timeline.has_applied(self.name, event["position"]):
                continue
            if self.last is not None and self.last["recorded_at"] != event["recorded_at"]:
                over.append(self.last)
            self.last = {"recorded_at": event["recorded_at"], "position": event["position"]}
        await self.table.compare(over)

    async def finish(self) -> None:
        if self.last is not None:
            await self.table.compare([self.last])
        await self.table.search_surplus(self.log, self._expects)

    def _expects(self, row: Row, event: Event | None) -> bool:
        return event is not None and event["recorded_at"] == row["recorded_at"]

"""Timeline's activity against the log: a row for each event of a project."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.projects.verifying.checks.history import rebuild
from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.places import Places
from services.projects.verifying.tables import Expected, Table

COPIED = (
    *("org_id", "project_id", "position", "recorded_at", "effective_at", "event_id", "type", "stream"),
    *("version", "actor", "on_behalf_of"),
)


def with_sentence(row: Row) -> Row:
    """Sentences are for people and may be put better one day; that there is one is compared."""
    return {**row, "sentence": bool(row["sentence"])}


@dataclass(slots=True)
class Activity:
    """Pages by position."""

    handler: str
    timeline: Consumer
    log: EventLog
    verdict: Verdict
    table: Table

    @classmethod
    async def of(cls, places: Places) -> "Activity":
        timeline = places.timeline
        handler = await timeline.read_model("activity")
        verdict = Verdict("activity", rebuild("activity"))
        key = {"org_id": "uuid", "project_id": "uuid", "position": "bigint"}
        table = Table(timeline.session, f"{handler}.activity", key, "position", verdict, with_sentence)
        return cls(handler, timeline, places.log, verdict, table)

    async def see(self, events: Sequence[Event]) -> None:
        told = [event for event in events if self._has(event)]
        await self.table.compare([Expected(event["position"], self._row(event)) for event in told])

    async def finish(self) -> None:
        await self.table.search_surplus(self.log, self._expects, self.timeline.forgotten)

    def _has(self, event: Event) -> bool:
        return event["project_id"] is not None and self.timeline.keeps(self.handler, event)

    def _row(self, event: Event) -> Row:
        return {name: event[name] for name in COPIED} | {"sentence": True}

    def _expects(self, row: Row, event: Event | None) -> bool:
        names = ("org_id", "project_id")
        return event is not None and self._has(event) and all(row[name] == event[name] for name in names)

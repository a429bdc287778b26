"""Timeline's moments against the log: the last position recorded at each instant."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.projects.verifying.checks.history import rebuild
from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.places import Places
from services.projects.verifying.tables import Expected, Table


@dataclass(slots=True)
class Moments:
    """Pages by position. The last position of an instant is known once a later instant is seen."""

    handler: str
    timeline: Consumer
    log: EventLog
    verdict: Verdict
    table: Table
    last: Expected | None = None

    @classmethod
    async def of(cls, places: Places) -> "Moments":
        timeline = places.timeline
        handler = await timeline.read_model("moments")
        verdict = Verdict("moments", rebuild("moments"))
        key = {"recorded_at": "timestamptz"}
        table = Table(timeline.session, f"{handler}.moments", key, "position", verdict)
        return cls(handler, timeline, places.log, verdict, table)

    async def see(self, events: Sequence[Event]) -> None:
        over = []
        for event in events:
            if not self.timeline.has_applied(self.handler, event["position"]):
                continue
            moment = {name: event[name] for name in ("recorded_at", "position")}
            if self.last is not None and self.last.row["recorded_at"] != moment["recorded_at"]:
                over.append(self.last)
            self.last = Expected(event["position"], moment)
        await self.table.compare(over)

    async def finish(self) -> None:
        if self.last is not None:
            await self.table.compare([self.last])
        await self.table.search_surplus(self.log, self._expects)

    def _expects(self, row: Row, event: Event | None) -> bool:
        return event is not None and event["recorded_at"] == row["recorded_at"]

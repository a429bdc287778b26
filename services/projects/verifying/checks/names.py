"""What streams are called and where they belong, as both consumers keep it to put sentences together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from services.projects.verifying.checks.history import rebuild
from services.projects.verifying.checks.told import HANDLER
from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.places import Places
from services.projects.verifying.standing import Standing
from services.projects.verifying.tables import Expected, Table

ADVICE = (
    "Sentences of new messages may name the wrong thing, and an event may be told twice or not at all: compare with a"
    " backup of notifications, and put the named columns right by hand."
)
NAMED_BY = MappingProxyType(
    {"project.proposed": "name", "milestone.planned": "name", "issue.raised": "title"}
)
KEY: Mapping[str, str] = MappingProxyType({"org_id": "uuid", "stream": "text"})

After = Callable[[Row | None, Event], Row | None]
"""The row of a stream after an event; `None` while there is none."""


def in_timeline(before: Row | None, event: Event) -> Row | None:
    """Streams of projects, each in the project where it was raised, moved to, or last had to do with."""
    data, kind = event["data"], event["type"].partition(".")[0]
    stream = {name: event[name] for name in ("org_id", "stream")}
    if event["type"] in NAMED_BY:
        return {**stream, "project_id": data["project_id"], "name": data[NAMED_BY[event["type"]]]}
    if kind == "project_member":
        return {**stream, "project_id": data["project_id"], "name": data["person_id"][:8]}
    if event["type"] == "issue.moved_in" and before is not None:
        return {**before, "project_id": data["project_id"]}
    return before


def in_notifications(before: Row | None, event: Event) -> Row:
    """Every stream, with its last event, up to which people were told."""
    name = event["data"].get(NAMED_BY.get(event["type"])) or (before and before["name"])
    stream = {name: event[name] for name in ("org_id", "stream", "project_id")}
    return {**stream, "name": name or None, "told_position": event["position"]}


@dataclass(slots=True)
class Names:
    """Pages by stream."""

    consumer: Consumer
    handler: str
    log: EventLog
    table: Table
    after: After
    verdict: Verdict
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.standing = Standing(self.table)

    @classmethod
    async def of_timeline(cls, places: Places) -> "Names":
        timeline, verdict = places.timeline, Verdict("timeline_names", rebuild("activity"))
        handler = await timeline.read_model("activity")
        table = Table(timeline.session, f"{handler}.stream_names", KEY, None, verdict)
        return cls(timeline, handler, places.log, table, in_timeline, verdict)

    @classmethod
    async def of_notifications(cls, places: Places) -> "Names":
        notifications, verdict = places.notifications, Verdict("notifications_names", ADVICE)
        table = Table(notifications.session, "streams", KEY, "told_position", verdict)
        return cls(notifications, HANDLER, places.log, table, in_notifications, verdict)

    async def see(self, events: Sequence[Event]) -> None:
        for event in events:
            self.standing.begins(event)
            if self.consumer.keeps(self.handler, event):
                self._goes_on(event)
        await self.standing.compare()

    async def finish(self) -> None:
        await self.standing.finish()
        await self.table.search_surplus(self.log, self._expects, self.consumer.forgotten)

    def _goes_on(self, event: Event) -> None:
        before = self.standing.last
        row = self.after(before and before.row, event)
        if row is not None and (before is None or row != before.row):
            self.standing.last = Expected(event["position"], row)

    def _expects(self, row: Row, event: Event | None) -> bool:
        return event is not None and event["stream"] == row["stream"] and event["org_id"] == row["org_id"]

"""What a consumer says of itself: where its checkpoints are in the log, and the events that wait."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import BODY, Event, EventLog
from services.projects.verifying.tables import Expected, Table

ADVICE = (
    "The consumer followed another log than this one: a database was restored from a backup. The log wins: run"
    " adopt-log of each service (docs/operating.md, A stream ahead of the log)."
)


@dataclass(slots=True)
class Checkpoints:
    """Every checkpoint names an event that the log has at that position, and what waits is as it was published."""

    consumer: Consumer
    log: EventLog
    verdict: Verdict
    _waiting: Table = field(init=False)

    @classmethod
    async def of(cls, consumer: Consumer, log: EventLog) -> "Checkpoints":
        return cls(consumer, log, Verdict(consumer.name, ADVICE, tables={f"{consumer.name}.checkpoints"}))

    def __post_init__(self) -> None:
        key = {"position": "bigint"}
        self._waiting = Table(
            self.consumer.session, "parked_events", key, "position", self.verdict, _published
        )

    async def see(self, events: Sequence[Event]) -> None:
        """Checkpoints are few: their events are asked for by position."""
        waiting = [event for event in events if event["position"] in self.consumer.waiting]
        await self._waiting.compare([Expected(event["position"], _published(event)) for event in waiting])

    async def finish(self) -> None:
        await self._waiting.search_surplus(
            self.log, lambda _, event: event is not None, self.consumer.forgotten
        )
        checkpoints = self.consumer.checkpoints
        events = await self.log.at([self.consumer.reached(name) for name in checkpoints])
        for name, row in sorted(checkpoints.items()):
            self._compare(name, row, events.get(row["position"]))
        behind = self.log.head - min(map(self.consumer.reached, checkpoints), default=0)
        if behind > 0:
            self.verdict.notes.append(f"{behind} events behind; what it has not applied yet was not compared")
        if self.consumer.parked:
            count = len(self.consumer.parked)
            self.verdict.notes.append(f"{count} parked; their rows end where they were parked")

    def _compare(self, name: str, row: Row, event: Event | None) -> None:
        position, key = row["position"], {"name": name}
        self.verdict.saw({**key, "position": position})
        if position == 0:
            return
        expected = {"event_id": None if event is None else event["event_id"]}
        found = {"event_id": row["event_id"]}
        if event is None or row["event_id"] not in (None, event["event_id"]):
            self.verdict.add(Finding("checkpoints", "of another log", position, key, expected, found))


def _published(row: Row) -> Row:
    return {name: row[name] for name in ("position", "org_id", "project_id", "stream", "event_id", BODY)}

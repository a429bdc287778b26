"""What a consumer says of itself: how far each of its handlers has come, and what it left out of what they know."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.sessions import Session, snapshot

ADVICE = (
    "The consumer followed another log than this one: a database was restored from a backup. The log wins: run"
    " adopt-log of each service (docs/operating.md, A stream ahead of the log)."
)
RETIRED = "_retired"
PARKED = """
select to_jsonb(found)::text from (select org_id, sequence, position, code, detail from parked_sequences) as found
where code <> 'waits' order by position
"""
LEFT_OUT = """
select position from parked_events
union select position from parking_decisions where decision = 'skip' and position is not null
"""

FORGOTTEN = "select org_id::text from access_organizations where forgotten_at is not null"


@dataclass(frozen=True, slots=True)
class Consumer:
    """One instant of a consumer's database. Positions of `left_out` wait in a parked sequence, or were skipped.

    Of organizations that are `forgotten`, since they were offboarded, it keeps nothing.
    """

    name: str
    session: Session
    checkpoints: Mapping[str, Row]
    left_out: frozenset[int]
    parked: Sequence[Row]
    forgotten: frozenset[str] = frozenset()

    def reached(self, handler: str) -> int:
        """How far a handler has come; 0 where it has not begun."""
        checkpoint = self.checkpoints.get(handler)
        return 0 if checkpoint is None else int(checkpoint["position"])

    def has_applied(self, handler: str, position: int) -> bool:
        return position <= self.reached(handler) and position not in self.left_out

    def keeps(self, handler: str, event: Event) -> bool:
        """Whether a handler has applied an event, and what it made of it must be there."""
        return event["org_id"] not in self.forgotten and self.has_applied(handler, event["position"])

    async def schema(self, title: str) -> str | None:
        """The schema of the newest live version of a read model, which is also the name of its checkpoint."""
        named = await self.session.value(
            "select nspname from pg_namespace where nspname ~ ('^' || $1::text || '_v[0-9]+$')"
            " order by length(nspname) desc, nspname desc limit 1",
            title,
        )
        return None if named is None else str(named)


@asynccontextmanager
async def consumer(name: str, dsn: str) -> AsyncIterator[Consumer]:
    """The consumer as it is now, for as long as it takes to compare it. Raises `Unreachable`."""
    async with snapshot(dsn, name) as session:
        checkpoints = await session.rows("select to_jsonb(found)::text from checkpoints as found")
        yield Consumer(
            name,
            session,
            {row["name"]: row for row in checkpoints if not row["name"].endswith(RETIRED)},
            frozenset(row[0] for row in await session.fetch(LEFT_OUT)),
            [{"consumer": name, **row} for row in await session.rows(PARKED)],
            frozenset(row[0] for row in await session.fetch(FORGOTTEN)),
        )


@dataclass(slots=True)
class Checkpoints:
    """Every checkpoint names an event that the log has at that position."""

    consumer: Consumer
    log: EventLog
    verdict: Verdict

    @classmethod
    def of(cls, consumer: Consumer, log: EventLog) -> "Checkpoints":
        return cls(consumer, log, Verdict(consumer.name, ADVICE))

    async def see(self, events: Sequence[Event]) -> None:
        """Checkpoints are few: their events are asked for by position."""

    async def finish(self) -> None:
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

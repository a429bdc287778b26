"""A consumer's database: how far each of its handlers has come, and what it left out of what they know."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.projects.verifying.findings import Row
from services.projects.verifying.log import Event
from services.projects.verifying.sessions import Session, Unreachable, snapshot

RETIRED = "_retired"
PARKED = """
select to_jsonb(found)::text from (select org_id, sequence, position, code, detail from parked_sequences) as found
where code <> 'waits' order by position
"""
WAITING = "select position from parked_events"
SKIPPED = "select position from parking_decisions where decision = 'skip' and position is not null"
FORGOTTEN = "select org_id::text from access_organizations where forgotten_at is not null"


@dataclass(frozen=True, slots=True)
class Consumer:
    """One instant of a consumer's database. Positions of `waiting` are in a parked sequence, others were `skipped`.

    Of organizations that are `forgotten`, since they were offboarded, it keeps nothing.
    """

    name: str
    session: Session
    checkpoints: Mapping[str, Row]
    waiting: frozenset[int]
    skipped: frozenset[int]
    parked: Sequence[Row]
    forgotten: frozenset[str] = frozenset()

    @property
    def left_out(self) -> frozenset[int]:
        """Positions that are in no read model, although the handlers have come further."""
        return self.waiting | self.skipped

    def reached(self, handler: str) -> int:
        """How far a handler has come; 0 where it has not begun."""
        checkpoint = self.checkpoints.get(handler)
        return 0 if checkpoint is None else int(checkpoint["position"])

    def has_applied(self, handler: str, position: int) -> bool:
        return (
            position <= self.reached(handler)
            and position not in self.waiting
            and position not in self.skipped
        )

    def keeps(self, handler: str, event: Event) -> bool:
        """Whether a handler has applied an event, and what it made of it must be there."""
        return event["org_id"] not in self.forgotten and self.has_applied(handler, event["position"])

    async def read_model(self, title: str) -> str:
        """The schema of its newest live version, which is also the name of its checkpoint; raises `Unreachable`."""
        named = await self.session.value(
            "select nspname from pg_namespace where nspname ~ ('^' || $1::text || '_v[0-9]+$')"
            " order by length(nspname) desc, nspname desc limit 1",
            title,
        )
        if named is None:
            raise Unreachable(f"{self.name} has no schema of {title}")
        return str(named)


@asynccontextmanager
async def consumer(name: str, dsn: str) -> AsyncIterator[Consumer]:
    """The consumer as it is now, for as long as it takes to compare it. Raises `Unreachable`."""
    async with snapshot(dsn, name) as session:
        checkpoints = await session.rows("select to_jsonb(found)::text from checkpoints as found")
        yield Consumer(
            name,
            session,
            {row["name"]: row for row in checkpoints if not row["name"].endswith(RETIRED)},
            frozenset(row[0] for row in await session.fetch(WAITING)),
            frozenset(row[0] for row in await session.fetch(SKIPPED)),
            [{"consumer": name, **row} for row in await session.rows(PARKED)],
            frozenset(row[0] for row in await session.fetch(FORGOTTEN)),
        )

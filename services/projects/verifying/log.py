"""The log as the checker reads it: in the order of positions, in the order of streams, and single events."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.projects.verifying.plain_json import parsed
from services.projects.verifying.sessions import PAGE_ROWS, Session

BY_POSITION = """
select to_jsonb(events)::text, cloud_event(events) from events
where position > $1 and position <= $2 order by position limit $3
"""
BY_STREAM = """
select to_jsonb(events)::text from events
where (org_id, stream, version) > ($1::text::uuid, $2, $3) and position <= $4
order by org_id, stream, version limit $5
"""
AT = "select to_jsonb(events)::text, cloud_event(events) from events where position = any($1::bigint[])"
FIRST_IN_PROJECT = """
select to_jsonb(first)::text from unnest($1::text[]::uuid[], $2::text[]) as wanted (org_id, stream)
cross join lateral (
    select * from events
    where events.org_id = wanted.org_id and events.stream = wanted.stream
      and project_id is not null and position <= $3
    order by version limit 1
) as first
"""
NO_ORGANIZATION = "00000000-0000-0000-0000-000000000000"
BODY = "body"
"""The member of an event under which its published form is."""

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventLog:
    """Everything up to `head`; what was appended after the checker began is not looked at."""

    session: Session
    head: int
    page_rows: int = PAGE_ROWS

    @classmethod
    async def read(cls, session: Session) -> "EventLog":
        return cls(session, await session.value("select coalesce(max(position), 0) from events"))

    async def by_position(self) -> AsyncIterator[list[Event]]:
        """Pages in the order in which the world learned of events, each with its published form."""
        after = 0
        while after < self.head:
            found = await self.session.fetch(BY_POSITION, after, self.head, self.page_rows)
            if not found:
                return
            page = [_published(row) for row in found]
            yield page
            after = page[-1]["position"]

    async def by_stream(self) -> AsyncIterator[list[Event]]:
        """Pages of one stream after the other, each stream in the order of its versions."""
        after = (NO_ORGANIZATION, "", 0)
        while page := await self.session.rows(BY_STREAM, *after, self.head, self.page_rows):
            yield page
            last = page[-1]
            after = (last["org_id"], last["stream"], last["version"])

    async def at(self, positions: Collection[int]) -> dict[int, Event]:
        """The events at some positions, up to the head, each with its published form."""
        wanted = [each for each in set(positions) if 0 < each <= self.head]
        events = map(_published, await self.session.fetch(AT, wanted))
        return {event["position"]: event for event in events}

    async def first_in_project(self, streams: Collection[tuple[str, str]]) -> dict[tuple[str, str], Event]:
        """The first event that is about a project of each of these streams, by organization and stream."""
        columns = [[each[place] for each in streams] for place in (0, 1)]
        events = await self.session.rows(FIRST_IN_PROJECT, *columns, self.head)
        return {(event["org_id"], event["stream"]): event for event in events}


def _published(row: asyncpg.Record) -> Event:
    event: Event = parsed(row[0])
    return event | {BODY: row[1]}

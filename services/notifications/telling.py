"""What becomes of every event: it is matched, put into inboxes and made into deliveries, and names are noted.

All of it commits together with the checkpoint. An event is told once, even if it is handled again: nothing
at or below the mark of its stream is told.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from libs.chassis.clock import Clock, utc_now
from libs.chassis.postgres import Connection
from libs.events.access import PersonErased
from libs.events.envelope import Event, StreamKey
from services.notifications.channels.webhooks import jobs
from services.notifications.inbox import InboxItem, put_into_inboxes
from services.notifications.matching import Channel, Rule
from services.notifications.measuring import INBOX_ITEMS, JOBS_MADE, MATCHES
from services.notifications.rules import CHECKPOINT_NAME, RuleBook
from services.notifications.sentences import Names, name_given, sentence, streams_mentioned

MARKS = """
    select org_id, stream, told_position from unnest($1::uuid[], $2::text[]) as asked (org_id, stream)
    join streams using (org_id, stream)
"""
NAMES = """
    select org_id, stream, project_id, name from unnest($1::uuid[], $2::text[]) as asked (org_id, stream)
    join streams using (org_id, stream) where name is not null
"""


class Named(NamedTuple):
    """What a stream is called, and the project whose members may know that."""

    name: str
    project_id: UUID | None


class Match(NamedTuple):
    """An event, and every rule it matches."""

    event: Event
    rules: Sequence[Rule]


@dataclass(slots=True)
class StreamMark:
    """What a batch learned of one stream."""

    told_position: int
    project_id: UUID | None
    name: str | None = None


@dataclass(slots=True)
class Telling:
    """The handler of the notifications service's subscription."""

    clock: Clock = utc_now
    name: str = CHECKPOINT_NAME
    book: RuleBook = field(default_factory=RuleBook)

    async def apply(self, connection: Connection, events: Sequence[Event]) -> None:
        """Tell everybody who asked, in bulk, inside the caller's transaction."""
        fresh = await self._untold(connection, events)
        await forget_erased(connection, fresh)
        await note_streams(connection, fresh)
        matches = await self._match(connection, fresh)
        if not matches:
            return
        named = await load_names(connection, [match.event for match in matches])
        items = inbox_items(matches, named)
        await put_into_inboxes(connection, items)
        made = await jobs.make(connection, webhook_jobs(matches), self.clock())
        MATCHES.inc(sum(len(match.rules) for match in matches))
        INBOX_ITEMS.inc(len(items))
        JOBS_MADE.inc(made)

    def forget(self) -> None:
        """Rules kept from a transaction that failed may never have existed."""
        self.book = RuleBook()

    async def _untold(self, connection: Connection, events: Sequence[Event]) -> list[Event]:
        """Without what was told before: a checkpoint may be reset, the marks never are."""
        streams = {event.envelope.key for event in events}
        rows = await connection.fetch(
            MARKS,
            [key.org_id for key in streams],
            [key.stream for key in streams],
        )
        told = {StreamKey(row["org_id"], row["stream"]): row["told_position"] for row in rows}
        return [event for event in events if event.envelope.position > told.get(event.envelope.key, 0)]

    async def _match(self, connection: Connection, events: Sequence[Event]) -> list[Match]:
        rules = await self.book.rules_of(connection, {event.envelope.org_id for event in events})
        matches = (
            Match(event, rules[event.envelope.org_id].matching(event.envelope))
            for event in events
            if event.envelope.org_id in rules
        )
        return [match for match in matches if match.rules]


async def forget_erased(connection: Connection, events: Sequence[Event]) -> None:
    """What somebody asked for and was told goes with them."""
    erased = [event.envelope for event in events if isinstance(event.data, PersonErased)]
    if not erased:
        return
    org_ids = [envelope.org_id for envelope in erased]
    for table in ("inbox_items", "subscriptions"):
        await connection.execute(
            f"delete from {table} where (org_id, person_id) in (select * from unnest($1::uuid[], $2::uuid[]))",
            org_ids,
            [envelope.entity_id for envelope in erased],
        )
    await connection.execute(
        "update rule_revisions set revision = revision + 1 where org_id = any($1)", org_ids
    )


async def note_streams(connection: Connection, events: Sequence[Event]) -> None:
    """Move the mark of each stream and note the names that were given."""
    marks: dict[StreamKey, StreamMark] = {}
    for event in events:
        envelope = event.envelope
        mark = marks.setdefault(envelope.key, StreamMark(envelope.position, envelope.project_id))
        mark.told_position, mark.project_id = envelope.position, envelope.project_id
        mark.name = name_given(event) or mark.name
    # One order for every writer, so that no two wait for each other.
    keys = sorted(marks)
    await connection.execute(
        """
        insert into streams (org_id, stream, project_id, name, told_position)
        select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[])
        on conflict (org_id, stream) do update set
            project_id = excluded.project_id,
            name = coalesce(excluded.name, streams.name),
            told_position = greatest(streams.told_position, excluded.told_position)
        """,
        [key.org_id for key in keys],
        [key.stream for key in keys],
        [marks[key].project_id for key in keys],
        [marks[key].name for key in keys],
        [marks[key].told_position for key in keys],
    )


async def load_names(connection: Connection, events: Sequence[Event]) -> Mapping[StreamKey, Named]:
    """The names of everything these events mention."""
    wanted = {
        StreamKey(event.envelope.org_id, stream) for event in events for stream in streams_mentioned(event)
    }
    rows = await connection.fetch(
        NAMES,
        [key.org_id for key in wanted],
        [key.stream for key in wanted],
    )
    return {StreamKey(row["org_id"], row["stream"]): Named(row["name"], row["project_id"]) for row in rows}


def names_told(event: Event, named: Mapping[StreamKey, Named]) -> Names:
    """Of what an event mentions, the names that whoever sees the event may know: those of its own project."""
    envelope, told = event.envelope, {}
    for stream in streams_mentioned(event):
        found = named.get(StreamKey(envelope.org_id, stream))
        # What it is about may have moved on to another project since.
        if found and (stream == envelope.stream or found.project_id == envelope.project_id):
            told[stream] = found.name
    return told


def inbox_items(matches: Sequence[Match], named: Mapping[StreamKey, Named]) -> list[InboxItem]:
    """One item for each person an event concerns, however many of the person's rules it matches."""
    items: list[InboxItem] = []
    for event, rules in matches:
        reasons: dict[UUID, list[UUID]] = defaultdict(list)
        for rule in rules:
            if rule.channel is Channel.INBOX:
                reasons[rule.recipient].append(rule.rule_id)
        if reasons:
            told = sentence(event, names_told(event, named))
            items.extend(
                InboxItem.of(event.envelope, person_id, told, rule_ids)
                for person_id, rule_ids in reasons.items()
            )
    return items


def webhook_jobs(matches: Sequence[Match]) -> list[jobs.NewJob]:
    """One delivery for each endpoint an event goes to; the event's body is written once."""
    return [
        jobs.NewJob(event, rule.recipient)
        for event, rules in matches
        for rule in rules
        if rule.channel is Channel.WEBHOOK
    ]

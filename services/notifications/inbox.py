"""The inbox: what each person was told, once per event, whatever number of their rules asked for it.

A person finds in it only what they may see today; what they may not see any more is neither shown nor counted.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.access.visibility import Sight
from libs.chassis.organizations import Organizations
from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope

ITEMS_PER_STATEMENT = 2_000
UNREAD_COUNTED_MAX = 1_000
MARKED_PER_STATEMENT = 5_000

COLUMNS = (
    "org_id, person_id, event_id, position, type, project_id, stream, stream_version, actor, on_behalf_of,"
    " recorded_at, effective_at, sentence, subscription_ids, read_at"
)
# What belongs to no project is seen by who sees every project, but for the aggregates hidden from them.
VISIBLE = (
    "org_id = $1 and person_id = $2 and ($3::uuid[] is null or project_id = any($3))"
    " and (project_id is not null or split_part(type, '.', 1) <> all($4::text[]))"
)


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One event told to one person, and the subscriptions that asked for it."""

    org_id: UUID
    person_id: UUID
    event_id: UUID
    position: int
    type: str
    project_id: UUID | None
    stream: str
    stream_version: int
    actor: UUID
    on_behalf_of: UUID | None
    recorded_at: datetime
    effective_at: datetime
    sentence: str
    subscription_ids: Sequence[UUID]
    read_at: datetime | None = None

    @classmethod
    def of(
        cls, event: Envelope, person_id: UUID, sentence: str, subscription_ids: Sequence[UUID]
    ) -> "InboxItem":
        return cls(
            org_id=event.org_id,
            person_id=person_id,
            event_id=event.event_id,
            position=event.position,
            type=event.type,
            project_id=event.project_id,
            stream=event.stream,
            stream_version=event.version,
            actor=event.actor,
            on_behalf_of=event.on_behalf_of,
            recorded_at=event.recorded_at,
            effective_at=event.effective_at,
            sentence=sentence,
            subscription_ids=subscription_ids,
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose inbox it is, and what that person, or that program, sees today."""

    org_id: UUID
    person_id: UUID
    sight: Sight

    @property
    def parameters(self) -> list[object]:
        projects = self.sight.projects
        return [
            self.org_id,
            self.person_id,
            None if projects is None else list(projects),
            list(self.sight.hidden_aggregates),
        ]


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """Which items: all conditions that are given hold. `since_position` also turns the order around."""

    unread: bool | None = None
    project_ids: Collection[UUID] = ()
    since_position: int | None = None


async def put_into_inboxes(connection: Connection, items: Sequence[InboxItem]) -> None:
    """Write items in bulk; one that is there already stays as it is."""
    for part in in_parts(items, ITEMS_PER_STATEMENT):
        await connection.execute(
            """
            insert into inbox_items (org_id, person_id, event_id, position, type, project_id, stream,
                stream_version, actor, on_behalf_of, recorded_at, effective_at, sentence, subscription_ids)
            select org_id, person_id, event_id, position, type, project_id, stream, stream_version, actor,
                on_behalf_of, recorded_at, effective_at, sentence, subscription_ids::uuid[]
            from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::text[],
                $8::integer[], $9::uuid[], $10::uuid[], $11::timestamptz[], $12::timestamptz[], $13::text[],
                $14::text[])
                as item (org_id, person_id, event_id, position, type, project_id, stream, stream_version, actor,
                    on_behalf_of, recorded_at, effective_at, sentence, subscription_ids)
            on conflict (org_id, person_id, event_id) do nothing
            """,
            [item.org_id for item in part],
            [item.person_id for item in part],
            [item.event_id for item in part],
            [item.position for item in part],
            [item.type for item in part],
            [item.project_id for item in part],
            [item.stream for item in part],
            [item.stream_version for item in part],
            [item.actor for item in part],
            [item.on_behalf_of for item in part],
            [item.recorded_at for item in part],
            [item.effective_at for item in part],
            [item.sentence for item in part],
            # unnest would flatten an array of arrays, so each list travels as its text.
            ["{" + ",".join(str(each) for each in item.subscription_ids) + "}" for item in part],
        )


def in_parts(items: Sequence[InboxItem], size: int) -> Iterator[Sequence[InboxItem]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Inbox:
    """Questions and commands of one person about their inbox."""

    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    async def page(
        self, reader: Reader, wanted: InboxFilter, after_position: int | None, limit: int
    ) -> list[InboxItem]:
        """Up to `limit` items: newest first, or oldest first when asked since a position.

        `after_position` is the position of the last item of the page before.
        """
        ascending = wanted.since_position is not None
        begin = after_position if after_position is not None else wanted.since_position
        comparison, direction = (">", "asc") if ascending else ("<", "desc")
        unread = "" if wanted.unread is None else f"and read_at is {'' if wanted.unread else 'not '}null"
        async with self._organizations.transaction(reader.org_id, readonly=True) as connection:
            rows = await connection.fetch(
                f"""
                select {COLUMNS} from inbox_items
                where {VISIBLE} {unread}
                  and ($5::bigint is null or position {comparison} $5)
                  and ($6::uuid[] is null or project_id = any($6))
                order by position {direction} limit $7
                """,
                *reader.parameters,
                begin,
                list(wanted.project_ids) or None,
                limit,
            )
        return [InboxItem(**dict(row)) for row in rows]

    async def item(self, reader: Reader, event_id: UUID) -> InboxItem | None:
        async with self._organizations.transaction(reader.org_id, readonly=True) as connection:
            row = await connection.fetchrow(
                f"select {COLUMNS} from inbox_items where {VISIBLE} and event_id = $5",
                *reader.parameters,
                event_id,
            )
        return None if row is None else InboxItem(**dict(row))

    async def unread_count(self, reader: Reader, project_ids: Collection[UUID] = ()) -> int:
        """How many items are unread, counted up to `UNREAD_COUNTED_MAX` + 1."""
        async with self._organizations.transaction(reader.org_id, readonly=True) as connection:
            count = await connection.fetchval(
                f"""
                select count(*) from (
                    select from inbox_items
                    where {VISIBLE} and read_at is null and ($5::uuid[] is null or project_id = any($5))
                    limit $6
                ) as unread
                """,
                *reader.parameters,
                list(project_ids) or None,
                UNREAD_COUNTED_MAX + 1,
            )
        return int(count)


async def mark_read(
    connection: Connection, reader: Reader, event_ids: Collection[UUID], now: datetime
) -> int:
    """Mark these items as read; returns how many were unread. Items of others count as absent."""
    status = await connection.execute(
        f"update inbox_items set read_at = $6 where {VISIBLE} and event_id = any($5) and read_at is null",
        *reader.parameters,
        list(event_ids),
        now,
    )
    return int(status.rpartition(" ")[2])


async def is_there(connection: Connection, reader: Reader, event_id: UUID) -> bool:
    """Whether the reader has the item and may see it."""
    found = await connection.fetchval(
        f"select true from inbox_items where {VISIBLE} and event_id = $5", *reader.parameters, event_id
    )
    return found is True


async def mark_read_up_to(
    connection: Connection, reader: Reader, position: int, project_ids: Collection[UUID], now: datetime
) -> int:
    """Mark everything up to a position as read; returns how many were unread.

    At most `MARKED_PER_STATEMENT` at a time, newest first: call again while that many were marked.
    """
    status = await connection.execute(
        f"""
        update inbox_items set read_at = $7
        where org_id = $1 and person_id = $2 and event_id = any(array(
            select event_id from inbox_items
            where {VISIBLE} and read_at is null and position <= $5
              and ($6::uuid[] is null or project_id = any($6))
            order by position desc limit {MARKED_PER_STATEMENT}
        ))
        """,
        *reader.parameters,
        position,
        list(project_ids) or None,
        now,
    )
    return int(status.rpartition(" ")[2])

"""The log in Postgres: append groups of items, load a stream, read everything in order.

Positions are gap-free, in commit order, from 1; see `migrations/0002_append.sql` for why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import from_json

from libs.chassis.postgres import Database
from libs.chassis.sessions import Connection
from libs.events import catalogue
from libs.events.envelope import Envelope, Event, StreamKey
from libs.events.log.recording import (
    Answer,
    Appended,
    Conflict,
    IdempotencyKey,
    KeyReused,
    Outcome,
    Recording,
    Replayed,
)

APPEND = "select * from append(" + ", ".join(f"${number}" for number in range(1, 30)) + ")"
LOAD = """
    select position, event_id, type, schema_version, project_id, version, recorded_at, effective_at,
           actor, on_behalf_of, correlation_id, causation_id, traceparent, data
    from events where org_id = $1 and stream = $2 and version > $3 order by version
"""
RECALL = """
    select key, request_hash, position, status, version, location, body
    from idempotency_keys where org_id = $1 and actor = $2 and key = any($3)
"""
PROJECTS_OF = """
    select stream, (
        select project_id from events where org_id = $1 and events.stream = wanted.stream order by version desc limit 1
    ) as project_id
    from unnest($2::text[]) as wanted (stream)
"""
READ = """
    select position, recorded_at, cloud_event(events) as body,
           org_id::text || '.' || coalesce(project_id::text, '_') || '.' || replace(type, '_', '-') as tokens
    from events where position > $1 order by position limit $2
"""
HEAD = "select coalesce(max(position), 0) from events"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An event on its way out: `body` is its CloudEvents JSON, the rest what a carrier needs to know.

    The subject is put together by Postgres, as the body is; `catalogue.subject` says the same of an envelope.
    """

    position: int
    subject: str
    recorded_at: datetime
    body: bytes

    @property
    def traceparent(self) -> str | None:
        """The trace in which it was recorded, read from the body: only who collects spans asks."""
        traceparent: str | None = from_json(self.body).get("traceparent")
        return traceparent


class Log:
    """Access to the log. Safe to share between tasks; every call takes a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, recordings: Sequence[Recording]) -> list[Outcome]:
        """Record items in order in one transaction; returns one outcome per item, in the same order.

        At most 1,000 events a call, so that the lock is never held long. Raises what Postgres raises: after
        a lost connection or a timeout the outcome is unknown, and only the keys can tell.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(APPEND, *_columns(recordings))
        return [_outcome(row) for row in rows]

    async def load(self, key: StreamKey, after_version: int = 0) -> list[Event]:
        """The events of one stream after a version, in order; empty if there is no such stream."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(LOAD, key.org_id, key.stream, after_version)
        return [catalogue.read(_envelope(key, row)) for row in rows]

    async def projects_of(self, org_id: UUID, streams: Sequence[str]) -> dict[str, UUID]:
        """The project each of the streams belongs to now; those that do not exist, or have none, are left out."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(PROJECTS_OF, org_id, list(streams))
        return {row["stream"]: row["project_id"] for row in rows if row["project_id"] is not None}

    async def recall(
        self, org_id: UUID, actor: UUID, keys: Sequence[IdempotencyKey]
    ) -> dict[str, Replayed | KeyReused]:
        """What was answered to those of the keys that were used before, by key."""
        hashes = {key.key: key.request_hash for key in keys}
        async with self._database.connection() as connection:
            rows = await connection.fetch(RECALL, org_id, actor, list(hashes))
        return {
            row["key"]: _replayed(row) if row["request_hash"] == hashes[row["key"]] else KeyReused()
            for row in rows
        }

    async def resolve(self, recording: Recording) -> Appended | None:
        """Whether an item of unknown outcome is in the log: its last event is, by its id.

        An item without events has only its key, under which an earlier attempt may have been answered something else:
        appending it again finds that, and is harmless.
        """
        if not recording.events:
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "select position, recorded_at from events where org_id = $1 and event_id = $2",
                recording.org_id,
                recording.events[-1].event_id,
            )
        return None if row is None else Appended(row["position"], row["recorded_at"])

    async def read(self, after: int, limit: int) -> list[LogEntry]:
        """Up to `limit` entries after a position, in order."""
        async with self._database.connection() as connection:
            return await read_entries(connection, after, limit)

    async def read_bodies(self, after: int, limit: int) -> list[bytes]:
        """The CloudEvents JSON of up to `limit` events after a position, in order: the bulk feed."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "select cloud_event(events) from events where position > $1 order by position limit $2",
                after,
                limit,
            )
        return [row[0].encode() for row in rows]

    async def head(self) -> int:
        """The position of the last event; 0 when the log is empty."""
        async with self._database.connection() as connection:
            return await read_head(connection)

    async def forget_expired_keys(self, most: int = 10_000) -> int:
        """Remove remembered answers whose time is over; returns how many were removed."""
        async with self._database.connection() as connection:
            forgotten: int = await connection.fetchval("select forget_expired_keys($1)", most)
            return forgotten


async def read_head(connection: Connection) -> int:
    """The position of the last event; 0 when the log is empty."""
    head: int = await connection.fetchval(HEAD)
    return head


async def read_entries(connection: Connection, after: int, limit: int) -> list[LogEntry]:
    """Up to `limit` entries after a position, in order."""
    return [
        LogEntry(
            row["position"],
            f"{catalogue.SUBJECT_ROOT}.{row['tokens']}",
            row["recorded_at"],
            row["body"].encode(),
        )
        for row in await connection.fetch(READ, after, limit)
    ]


async def first_position_since(connection: Connection, instant: datetime) -> int:
    """The position of the first event recorded at an instant or later; that after the head if none was.

    Positions have no gaps and instants never run backwards along them, so bisection needs no index.
    """
    low, high = 1, await read_head(connection) + 1
    while low < high:
        middle = (low + high) // 2
        recorded_at = await connection.fetchval("select recorded_at from events where position = $1", middle)
        low, high = (low, middle) if recorded_at >= instant else (middle + 1, high)
    return low


def _envelope(key: StreamKey, row: asyncpg.Record) -> Envelope:
    fields = dict(row)
    fields["data"] = from_json(fields["data"])
    return Envelope(org_id=key.org_id, stream=key.stream, **fields)


def _outcome(row: asyncpg.Record) -> Outcome:
    match row["outcome"]:
        case "appended":
            return Appended(row["position"], row["recorded_at"])
        case "conflict":
            return Conflict()
        case "replayed":
            return _replayed(row)
        case "key_reused":
            return KeyReused()
    raise AssertionError(f"append() answered {row['outcome']!r}")


def _replayed(row: asyncpg.Record) -> Replayed:
    return Replayed(row["position"], Answer(row["status"], row["body"], row["version"], row["location"]))


def _columns(recordings: Sequence[Recording]) -> list[list[Any]]:
    """The items as the parallel arrays of `append()`, in the order of its parameters."""
    streams: dict[StreamKey, int] = {}
    items: list[tuple[Any, ...]] = []
    parts: list[tuple[int, int, int, int]] = []
    events: list[tuple[Any, ...]] = []
    for item, recording in enumerate(recordings, start=1):
        items.append(_item(recording))
        lengths: dict[str, int] = {}
        for event in recording.events:
            lengths[event.stream] = lengths.get(event.stream, 0) + 1
        for expected in recording.expectations:
            number = streams.setdefault(StreamKey(recording.org_id, expected.stream), len(streams) + 1)
            parts.append((item, number, expected.version, lengths.get(expected.stream, 0)))
        for event in recording.events:
            event_type = catalogue.type_of(event.data)
            events.append(
                (
                    item,
                    streams[StreamKey(recording.org_id, event.stream)],
                    event.version,
                    event.event_id,
                    event_type.name,
                    event_type.version,
                    event.project_id,
                    event.effective_at,
                    event.effective_floor,
                    event.on_behalf_of,
                    event.correlation_id,
                    event.causation_id,
                    event.traceparent,
                    event.data.model_dump_json(exclude_none=True),
                )
            )
    return [
        *_transposed(list(streams), 2),
        *_transposed(items, 9),
        *_transposed(parts, 4),
        *_transposed(events, 14),
    ]


def _item(recording: Recording) -> tuple[Any, ...]:
    key, answer = recording.key, recording.answer
    return (
        recording.org_id,
        recording.actor,
        key and key.key,
        key and key.request_hash,
        key and key.lifetime,
        answer.status,
        answer.version,
        answer.location,
        answer.body if key else None,
    )


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]

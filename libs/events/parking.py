"""Parking: a project whose event cannot be applied waits, in order, while all others go on.

A sequence is a project or, for what has left it and for who may do what, a stream. Once parked, every later event
of it waits behind the first, until an operator has it retried or skipped; the reader that leads does that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.chassis.sessions import Connection
from libs.events import access, catalogue
from libs.events.envelope import Envelope, aggregate_of, cloud_event, read_cloud_event

WAITING_EVENTS = """
    select body from parked_events
    where org_id = $1 and (
        stream = $2 or 'project-' || project_id = $2
        or stream in (select stream from parked_events where org_id = $1 and 'project-' || project_id = $2)
    )
    order by position
"""
# A handler that begins again may fail before the event that others have parked.
PARK_SEQUENCE = """
    insert into parked_sequences (org_id, sequence, position, code, detail) values ($1, $2, $3, $4, $5)
    on conflict (org_id, sequence) do update
    set position = excluded.position, code = excluded.code, detail = excluded.detail
    where excluded.position < parked_sequences.position
"""
RELEASE_SEQUENCES = """
    delete from parked_sequences where org_id = $1 and sequence = any($2)
    and not exists (select 1 from parked_events where parked_events.org_id = parked_sequences.org_id
                    and parked_events.stream = parked_sequences.sequence)
"""
# What stays of a stream waits from its first event that still does.
MOVE_SEQUENCES_UP = """
    update parked_sequences set position = waiting.position from (
        select stream, min(position) as position from parked_events
        where org_id = $1 and stream = any($2) group by stream
    ) as waiting
    where org_id = $1 and sequence = waiting.stream and parked_sequences.position < waiting.position
"""
RELEASE_STREAM_OF_SKIPPED = """
    delete from parked_sequences where org_id = $1 and sequence = $2 and sequence <> $3
    and not exists (select 1 from parked_events where org_id = $1 and stream = $2)
"""
COUNT_ATTEMPT = """
    with over as (delete from attempts where position < $1)
    insert into attempts (position, count) values ($1, 1)
    on conflict (position) do update set count = attempts.count + 1 returning count
"""
PARKED = """
    select org_id, sequence, position, code, detail, parked_at, (
        select count(*) from parked_events
        where parked_events.org_id = parked_sequences.org_id
          and (stream = sequence or 'project-' || project_id = sequence)
    ) as events
    from parked_sequences where code <> 'waits' order by position
"""


VOID_SKIPS = """
    update parking_decisions
    set position = null, result = result || ' at ' || position || '; not any more, the log is another'
    where position > $1
"""
VOID_OPEN_DECISIONS = """
    update parking_decisions as decision set carried_out_at = now(), result = 'not carried out: the log is another'
    where carried_out_at is null and not exists (
        select from parked_sequences as parked
        where parked.org_id = decision.org_id and parked.sequence = decision.sequence
    )
"""


@dataclass(frozen=True, slots=True)
class ParkedSequence:
    """A waiting sequence: where and why it stopped, and how many events wait."""

    org_id: UUID
    sequence: str
    position: int
    code: str
    detail: str
    parked_at: datetime
    events: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator decided about a parked sequence."""

    decision_id: int
    org_id: UUID
    sequence: str
    decision: str


def sequence_of(envelope: Envelope) -> str:
    """The sequence a poison event parks: its project's, or its stream's where it has no project.

    Who may do what is a sequence of its own, whatever project it is about: what was taken from somebody does not wait
    for a project that is parked.
    """
    if envelope.project_id is None or aggregate_of(envelope.stream) in access.AGGREGATES:
        return envelope.stream
    return project_sequence(envelope.project_id)


def project_sequence(project_id: UUID) -> str:
    """The name of a whole project's sequence."""
    return f"project-{project_id}"


async def park(connection: Connection, envelope: Envelope, code: str, detail: str) -> None:
    """Park the sequence of a poison event, beginning with that event."""
    await _park_sequences(
        connection, [(envelope.org_id, sequence_of(envelope))], envelope.position, code, detail
    )
    await park_waiting(connection, [envelope])
    await connection.execute("delete from attempts where position = $1", envelope.position)


def reason(error: Exception) -> tuple[str, str]:
    """Why an event can not be applied: the code that says whether a newer program may know it, and words."""
    code = "unknown_event" if isinstance(error, catalogue.UnknownEvent) else "cannot_apply"
    return code, f"{type(error).__name__}: {error}"


async def park_waiting(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Let events wait behind what is parked already, and their streams wherever they go."""
    for envelope in envelopes:
        await _park_sequences(
            connection,
            [(envelope.org_id, envelope.stream)],
            envelope.position,
            "waits",
            "an earlier event is parked",
        )
        await connection.execute(
            "insert into parked_events (position, org_id, project_id, stream, event_id, body)"
            " values ($1, $2, $3, $4, $5, $6) on conflict (position) do nothing",
            envelope.position,
            envelope.org_id,
            envelope.project_id,
            envelope.stream,
            envelope.event_id,
            cloud_event(envelope).decode(),
        )


async def waiting_events(connection: Connection, org_id: UUID, sequence: str) -> list[Envelope]:
    """The parked events of a sequence, in order: of its project, and of every stream that waits for it.

    Less those in another project from where that is parked for a reason of its own, and what follows them in their
    streams: they wait for that project.
    """
    rows = await connection.fetch(WAITING_EVENTS, org_id, sequence)
    elsewhere = {
        row["sequence"]: row["position"]
        for row in await connection.fetch(
            "select sequence, position from parked_sequences where org_id = $1 and sequence <> $2 and code <> 'waits'",
            org_id,
            sequence,
        )
    }
    waiting: list[Envelope] = []
    for row in rows:
        envelope = read_cloud_event(row["body"].encode())
        sequences = (sequence_of(envelope), envelope.stream)
        if any(each in elsewhere and elsewhere[each] <= envelope.position for each in sequences):
            elsewhere.setdefault(envelope.stream, envelope.position)
        else:
            waiting.append(envelope)
    return waiting


async def release(connection: Connection, envelopes: Sequence[Envelope], org_id: UUID, sequence: str) -> None:
    """Forget that these events and the sequence are parked: they have been applied, or are skipped."""
    streams = sorted({envelope.stream for envelope in envelopes} | {sequence})
    await connection.execute(
        "delete from parked_events where position = any($1)", [envelope.position for envelope in envelopes]
    )
    await connection.execute(RELEASE_SEQUENCES, org_id, streams)
    await connection.execute(MOVE_SEQUENCES_UP, org_id, streams)


async def skip_first(connection: Connection, waiting: Sequence[Envelope], sequence: str) -> None:
    """Forget the first of the waiting events; those behind it go on waiting."""
    first, second = waiting[:2]
    await connection.execute("delete from parked_events where position = $1", first.position)
    await connection.execute(RELEASE_STREAM_OF_SKIPPED, first.org_id, first.stream, sequence)
    await connection.execute(
        "update parked_sequences set position = $3, detail = 'waited behind an event that was skipped'"
        " where org_id = $1 and sequence = $2",
        first.org_id,
        sequence,
        second.position,
    )


async def forget_after(connection: Connection, position: int) -> None:
    """Forget everything that is parked or skipped behind a position, as if it had not arrived yet.

    Decisions are kept, but bind nobody: other events may have those positions now.
    """
    for table in ("parked_events", "parked_sequences", "attempts"):
        await connection.execute(f"delete from {table} where position > $1", position)
    await connection.execute(VOID_SKIPS, position)
    await connection.execute(VOID_OPEN_DECISIONS)


async def count_attempt(connection: Connection, position: int) -> int:
    """Count an attempt at an event before it is made; returns which one it is, from 1.

    Events are tried in order, so attempts at earlier ones are over and forgotten.
    """
    count: int = await connection.fetchval(COUNT_ATTEMPT, position)
    return count


async def list_parked(connection: Connection) -> list[ParkedSequence]:
    """Every parked sequence that holds others up, oldest first."""
    rows = await connection.fetch(PARKED)
    return [ParkedSequence(**dict(row)) for row in rows]


async def decide(
    connection: Connection, org_id: UUID, sequence: str, decision: str, reason: str, decided_by: str
) -> int:
    """Ask the leading reader to retry a parked sequence or to skip its first event; returns the decision's id."""
    decision_id: int = await connection.fetchval(
        "insert into parking_decisions (org_id, sequence, decision, reason, decided_by)"
        " values ($1, $2, $3, $4, $5) returning decision_id",
        org_id,
        sequence,
        decision,
        reason,
        decided_by,
    )
    return decision_id


async def open_decisions(connection: Connection) -> list[Decision]:
    """Decisions nobody has carried out yet, oldest first."""
    rows = await connection.fetch(
        "select decision_id, org_id, sequence, decision from parking_decisions"
        " where carried_out_at is null order by decision_id"
    )
    return [Decision(**dict(row)) for row in rows]


async def close_decision(connection: Connection, decision_id: int, position: int | None, result: str) -> None:
    """Note what came of a decision; `position` is that of the event that was skipped."""
    await connection.execute(
        "update parking_decisions set carried_out_at = now(), position = $2, result = $3 where decision_id = $1",
        decision_id,
        position,
        result,
    )


async def skipped_positions(connection: Connection) -> frozenset[int]:
    """Positions an operator has skipped; a rebuild leaves them out too."""
    rows = await connection.fetch(
        "select position from parking_decisions where decision = 'skip' and position is not null"
    )
    return frozenset(row["position"] for row in rows)


async def left_out_positions(connection: Connection) -> frozenset[int]:
    """Positions that the handlers have passed and not applied: they wait, or were skipped."""
    waiting = await connection.fetch("select position from parked_events")
    return await skipped_positions(connection) | {row["position"] for row in waiting}


async def _park_sequences(
    connection: Connection, sequences: Sequence[tuple[UUID, str]], position: int, code: str, detail: str
) -> None:
    await connection.executemany(
        PARK_SEQUENCE,
        [(org_id, sequence, position, code, detail[:2_000]) for org_id, sequence in sequences],
    )

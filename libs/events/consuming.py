"""Checkpoints, and what operators see of consumption."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.sessions import Connection
from libs.events.envelope import Envelope

APPLIED = Gauge("milepost_applied_position", "Position of the last event applied.")
LAG_EVENTS = Gauge("milepost_lag_events", "Events in the stream that are not applied yet.")
LAG_SECONDS = Gauge(
    "milepost_lag_seconds", "Age of the oldest event that has arrived and is not applied yet."
)
PARKED = Gauge("milepost_parked_sequences", "Projects and streams that wait for an operator.")
BATCH_EVENTS = Histogram(
    "milepost_batch_events",
    "Events of one applied batch.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
BATCH_SECONDS = Histogram(
    "milepost_batch_seconds",
    "Time to apply a batch.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
DUPLICATES = Counter("milepost_duplicates_total", "Events delivered again and ignored.")
GAPS = Counter("milepost_gaps_total", "Times events were missing in the flow and were read from the log.")


class Position(NamedTuple):
    """A place in the log, and the event that stands there."""

    number: int
    event_id: UUID | None


async def lock_checkpoints(connection: Connection, names: Sequence[str]) -> Position:
    """Lock the checkpoints, making new ones at 0; returns the one that is furthest behind."""
    await connection.execute(
        "insert into checkpoints (name, position)"
        " select name, 0 from unnest($1::text[]) as name on conflict do nothing",
        names,
    )
    checkpoints = await read_checkpoints(connection, names)
    return min(checkpoints.values(), key=lambda position: position.number)


async def read_checkpoints(connection: Connection, names: Sequence[str]) -> dict[str, Position]:
    """Lock and read the checkpoints, so that nobody else moves them in this transaction."""
    rows = await connection.fetch(
        "select name, position, event_id from checkpoints where name = any($1) order by name for update",
        names,
    )
    return {row["name"]: Position(row["position"], row["event_id"]) for row in rows}


async def write_checkpoints(connection: Connection, names: Sequence[str], position: Position) -> None:
    """Move the checkpoints forward; one that is ahead stays where it is."""
    await connection.execute(
        "update checkpoints set position = $2, event_id = $3, updated_at = now()"
        " where name = any($1) and position < $2",
        names,
        position.number,
        position.event_id,
    )


def observe_lag(position: Position, arrived: Sequence[Envelope], pending: int) -> None:
    """Tell operators how far behind this process is: in events, and in seconds of what has arrived."""
    APPLIED.set(position.number)
    LAG_EVENTS.set(len(arrived) + pending)
    LAG_SECONDS.set((datetime.now(UTC) - arrived[0].recorded_at).total_seconds() if arrived else 0)

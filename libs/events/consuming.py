"""Checkpoints, and what operators see of consumption."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from libs.chassis.clock import utc_now
from libs.chassis.sessions import Connection, literal, transaction_between
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


Checkpoints: TypeAlias = Mapping[str, Position]


class CheckpointsMoved(Exception):
    """The checkpoints are not where this process left them: another one led, or a read model was replaced."""


async def lock_checkpoints(connection: Connection, names: Sequence[str]) -> Checkpoints:
    """Lock and read the checkpoints, making new ones at 0, so that nobody else moves them in this transaction."""
    await connection.execute(
        "insert into checkpoints (name, position)"
        " select name, 0 from unnest($1::text[]) as name on conflict do nothing",
        names,
    )
    return await read_checkpoints(connection, names)


async def read_checkpoints(connection: Connection, names: Sequence[str]) -> Checkpoints:
    """The same for those that are there."""
    rows = await connection.fetch(
        "select name, position, event_id from checkpoints where name = any($1) order by name for update",
        names,
    )
    return {row["name"]: Position(row["position"], row["event_id"]) for row in rows}


async def set_checkpoints(connection: Connection, names: Sequence[str], position: Position) -> None:
    """Put the checkpoints to a position, forward or back."""
    await connection.execute(
        "insert into checkpoints (name, position, event_id) select name, $2, $3 from unnest($1::text[]) as name"
        " on conflict (name) do update set position = excluded.position, event_id = excluded.event_id,"
        " updated_at = now()",
        names,
        *position,
    )


def furthest_behind(checkpoints: Checkpoints) -> Position:
    """Where the next events must begin."""
    return min(checkpoints.values(), key=lambda position: position.number)


def moved(checkpoints: Checkpoints, target: Position) -> Checkpoints:
    """The checkpoints after a step to a position; one that is ahead stays where it is."""
    return {
        name: position if position.number > target.number else target
        for name, position in checkpoints.items()
    }


@asynccontextmanager
async def step(connection: Connection, checkpoints: Checkpoints, target: Position) -> AsyncIterator[None]:
    """A transaction in which the checkpoints move to a position, together with whatever the body writes.

    They are locked by the message that begins it and moved by the one that commits it. Raises `CheckpointsMoved`
    before anything is written where one of them is not where `checkpoints` says.
    """
    async with transaction_between(connection, _lock(checkpoints), _move(checkpoints, target)) as locked:
        if locked != f"SELECT {len(checkpoints)}":
            raise CheckpointsMoved(f"not all of {', '.join(checkpoints)} are where this process left them")
        yield


def _lock(checkpoints: Checkpoints) -> str:
    there = ", ".join(f"({literal(name)}, {position.number:d})" for name, position in checkpoints.items())
    return (
        f"begin; select from checkpoints where (name, position) in (values {there}) order by name for update"
    )


def _move(checkpoints: Checkpoints, target: Position) -> str:
    names = ", ".join(map(literal, checkpoints))
    event_id = "null" if target.event_id is None else literal(str(target.event_id))
    return (
        f"update checkpoints set position = {target.number:d}, event_id = {event_id}, updated_at = now()"
        f" where name in ({names}) and position < {target.number:d}; commit"
    )


def observe_lag(position: Position, arrived: Sequence[Envelope], pending: int) -> None:
    """Tell operators how far behind this process is: in events, and in seconds of what has arrived."""
    APPLIED.set(position.number)
    LAG_EVENTS.set(len(arrived) + pending)
    LAG_SECONDS.set((utc_now() - arrived[0].recorded_at).total_seconds() if arrived else 0)

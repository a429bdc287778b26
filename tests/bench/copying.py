"""Fills the log with the same kind of history as `filling`, by COPY past `append()`: a million events in a minute.

Positions and versions have no gaps; nobody may append meanwhile.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from libs.events import catalogue
from libs.events.envelope import aggregate_of, stream_name
from tests.bench.filling import ACTOR, ORG_ID, PROJECTS, in_turn, life_of_a_project

COLUMNS = (
    *("position", "recorded_at", "effective_at", "event_id", "org_id", "project_id", "actor", "version"),
    *("schema_version", "stream", "type", "data"),
)
END = "select coalesce(max(position), 0), greatest(max(recorded_at), clock_timestamp()) from events"


class Step(NamedTuple):
    """What happens in a life, written once for all projects that live it; `data` names the project of the pattern."""

    stream: str
    version: int
    type: str
    schema_version: int
    data: str


def copy_events(dsn: str, events: int) -> None:
    """Add that many events; `dsn` is an administrator's, of the log's database. Blocking."""
    asyncio.run(copy_log(dsn, events))


async def copy_log(dsn: str, events: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        [(head, instant)] = await connection.fetch(END)
        rows = islice(_rows(head, instant), events)
        await connection.copy_records_to_table("events", records=rows, columns=COLUMNS)
        # Whoever asks for the last events of a table without statistics reads all of it.
        await connection.execute("analyze events")
    finally:
        await connection.close()


def _rows(head: int, instant: datetime) -> Iterator[tuple[Any, ...]]:
    positions, tick = count(head + 1), timedelta(microseconds=1)
    pattern_id, pattern = _pattern()
    for project_id, step in _events(pattern_id, pattern):
        instant += tick
        clocks = (next(positions), instant, instant, uuid7())
        told = (step.version, step.schema_version, step.stream, step.type, step.data)
        yield (*clocks, ORG_ID, project_id, ACTOR, *told)


def _events(pattern_id: UUID, pattern: Sequence[Step]) -> Iterator[tuple[UUID, Step]]:
    """Lives without end, of many projects side by side."""
    while True:
        yield from in_turn([list(_life(pattern_id, pattern)) for _ in range(PROJECTS)])


def _life(pattern_id: UUID, pattern: Sequence[Step]) -> Iterator[tuple[UUID, Step]]:
    project_id, before = uuid7(), str(pattern_id)
    now = str(project_id)
    streams = {
        step.stream: stream_name(
            aggregate_of(step.stream), project_id if step.stream.endswith(before) else uuid7()
        )
        for step in pattern
        if step.version == 1
    }
    for step in pattern:
        yield project_id, step._replace(stream=streams[step.stream], data=step.data.replace(before, now))


def _pattern() -> tuple[UUID, Sequence[Step]]:
    versions: dict[str, int] = {}
    steps: list[Step] = []
    pattern_id = None
    for stream, of_project, data in life_of_a_project():
        pattern_id, versions[stream] = of_project, versions.get(stream, 0) + 1
        event_type = catalogue.type_of(data)
        text = data.model_dump_json(exclude_none=True)
        steps.append(Step(stream, versions[stream], event_type.name, event_type.version, text))
    assert pattern_id is not None
    return pattern_id, steps

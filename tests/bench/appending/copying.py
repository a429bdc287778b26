"""The ceiling: COPY with asyncpg, a hundred events a commit. Nothing is asked and nothing is answered."""

import time
from uuid import UUID

from tests.bench.appending.bare_connections import TYPE, Connection, contested
from tests.bench.appending.contest import Contested
from tests.bench.appending.load import reforecast

EVENTS_A_COMMIT = 100
COLUMNS = ("stream", "version", "type", "data")


def append(dsn: str, writers: int, seconds: float) -> Contested:
    return contested(_write, dsn, writers, seconds)


async def _write(connection: Connection, stream: UUID, until: float) -> int:
    version = 0
    while time.monotonic() < until:
        records = [
            (stream, each, TYPE, reforecast(each).model_dump_json(exclude_none=True))
            for each in range(version + 1, version + 1 + EVENTS_A_COMMIT)
        ]
        await connection.copy_records_to_table("bare_events", records=records, columns=COLUMNS)
        version += EVENTS_A_COMMIT
    return version

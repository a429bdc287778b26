"""The yardstick: a bare insert with asyncpg, one event a commit, numbered by a sequence that has gaps."""

import time
from uuid import UUID

from tests.bench.appending.bare_connections import TYPE, Connection, contested
from tests.bench.appending.contest import Contested
from tests.bench.appending.load import reforecast

INSERT = "insert into bare_events (stream, version, type, data) values ($1, $2, $3, $4) returning position"


def append(dsn: str, writers: int, seconds: float) -> Contested:
    return contested(_write, dsn, writers, seconds)


async def _write(connection: Connection, stream: UUID, until: float) -> int:
    version = 0
    while time.monotonic() < until:
        data = reforecast(version).model_dump_json(exclude_none=True)
        await connection.fetchval(INSERT, stream, version + 1, TYPE, data)
        version += 1
    return version

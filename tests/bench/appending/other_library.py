"""The peer: PyPI's `eventsourcing` with its PostgreSQL recorder, as it comes and with its database functions.

It is synchronous, so each writer is a thread, with a connection of its own in the pool.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment

from tests.bench.appending.contest import WARM_UP_SECONDS, Contested
from tests.bench.appending.load import reforecast
from tests.bench.peer import settings_of

TOPIC = "milepost.schedule:Milestone.Reforecast"


def append(dsn: str, writers: int, seconds: float) -> Contested:
    return _append("Plain", dsn, writers, seconds, has_functions=False)


def append_with_functions(dsn: str, writers: int, seconds: float) -> Contested:
    return _append("Functions", dsn, writers, seconds, has_functions=True)


def _append(name: str, dsn: str, writers: int, seconds: float, *, has_functions: bool) -> Contested:
    pool = {"POSTGRES_POOL_SIZE": str(writers), "POSTGRES_MAX_OVERFLOW": "0"}
    settings = {**settings_of(dsn, has_functions=has_functions), **pool}
    with PostgresFactory(Environment(name, settings)) as factory, ThreadPoolExecutor(writers) as threads:
        recorder = factory.application_recorder()
        before, _, _ = _run(recorder, threads, writers, WARM_UP_SECONDS)
        return Contested(before, *_run(recorder, threads, writers, seconds))


def _run(
    recorder: ApplicationRecorder, threads: ThreadPoolExecutor, writers: int, seconds: float
) -> tuple[int, float, float]:
    started, processor = time.monotonic(), time.process_time()
    writing = [threads.submit(_write, recorder, uuid4(), started + seconds) for _ in range(writers)]
    counts = [each.result() for each in writing]
    return sum(counts), time.monotonic() - started, time.process_time() - processor


def _write(recorder: ApplicationRecorder, originator_id: UUID, until: float) -> int:
    version = 0
    while time.monotonic() < until:
        state = reforecast(version).model_dump_json(exclude_none=True).encode()
        recorder.insert_events([StoredEvent(originator_id, version + 1, TOPIC, state)])
        version += 1
    return version

"""What every process tells Prometheus, on a port of its own. Other modules declare their gauges where they set them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import Gauge, Histogram, start_http_server

REQUEST_SECONDS = Histogram(
    "milepost_http_request_seconds",
    "Time from a request's headers to the last byte of its answer.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 8),
)
REQUESTS_IN_PROGRESS = Gauge(
    "milepost_http_requests_in_progress", "Requests being answered, streams included."
)
# A plain number, as a gauge's lock would cost every request a microsecond twice.
requests_in_progress = 0
REQUESTS_IN_PROGRESS.set_function(lambda: requests_in_progress)
TASKS = Gauge("milepost_tasks", "Tasks of the event loop: what is under way, loops and streams included.")
SERVICE = Gauge("milepost_service", "1, with the name of the service.", ["service"])


def count_tasks_of(loop: asyncio.AbstractEventLoop) -> None:
    """Have `milepost_tasks` tell how many tasks this loop has."""
    TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))


@contextmanager
def served(service: str, host: str, port: int | None) -> Iterator[int | None]:
    """Serve the registry at `http://<host>:<port>/metrics` while the block runs; `None` serves nothing.

    Port 0 takes a free one; yields the port. Raises `OSError` if the port is taken.
    """
    SERVICE.labels(service).set(1)
    if port is None:
        yield None
        return
    server: WSGIServer
    thread: Thread
    server, thread = start_http_server(port, addr=host)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=1)

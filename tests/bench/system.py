"""The whole system under measurement: its processes, their processor time, and how far everything has come."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psutil
import psycopg

from deploy.local import programs
from deploy.local.ports import any_free_port
from deploy.local.processes import ChildProcess
from deploy.local.stack import Stack
from libs.chassis.provisioning import in_database
from libs.events import jetstream
from libs.events.log.keeper import stream_tail

POLL_SECONDS = 0.005
PROJECTED_SECONDS_MAX = 900.0
PEER_DATABASE = "bench_peer"
# Without those of read models that a rebuild has replaced.
CHECKPOINTS = "select name, position from checkpoints where name !~ '_retired$'"
RELAY_SETTINGS = ("MILEPOST_NATS_URL", "MILEPOST_KEEPER_NATS_URL", "MILEPOST_RELAY_DATABASE_URL")

ProcessorSeconds = Mapping[str, float]


@dataclass
class System:
    """The stack, and what a bench asks of it. Connections are the administrator's, for looking on."""

    stack: Stack
    _connections: dict[str, psycopg.Connection[tuple[object, ...]]] = field(default_factory=dict)

    def ask(self, service: str, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Rows from a service's database."""
        return self._connection(service).execute(statement.encode(), parameters or None).fetchall()

    def number(self, service: str, statement: str) -> int:
        return int(str(self.ask(service, statement)[0][0]))

    @property
    def head(self) -> int:
        return self.number("projects", "select coalesce(max(position), 0) from events")

    def checkpoints(self) -> dict[str, int]:
        """The position of every read model of timeline and of notifications."""
        rows = [
            row
            for service in ("timeline", "notifications")
            for row in self.ask(service, "select name, position from checkpoints")
        ]
        return {
            str(name): int(str(position)) for name, position in rows if not str(name).endswith("_retired")
        }

    def projected(self, service: str = "timeline") -> int:
        """How far the slowest read model of a service has come."""
        return min((int(str(position)) for _, position in self.ask(service, CHECKPOINTS)), default=0)

    def await_projected(self, position: int, *services: str) -> float:
        """Wait until everything up to a position is in the read models; the instant of the monotonic clock."""
        deadline = time.monotonic() + PROJECTED_SECONDS_MAX
        for service in services or ("timeline", "notifications"):
            while self.projected(service) < position:
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"{service} stands at {self.projected(service)} and not at {position}"
                    )
                time.sleep(POLL_SECONDS)
        return time.monotonic()

    def stream_last_sequence(self) -> int:
        return asyncio.run(_last_sequence(self.stack.whereabouts.nats_url("relay")))

    def processor_seconds(self) -> ProcessorSeconds:
        """What each part of the system has used so far; PostgreSQL's sessions by the database they serve."""
        used: dict[str, float] = defaultdict(float)
        for name, process in self.stack.processes.items():
            if process.alive and name != "postgres":
                used[name] += _seconds_of(psutil.Process(process.pid))
        server = psutil.Process(self.stack.processes["postgres"].pid)
        for backend in [server, *server.children()]:
            title = " ".join(backend.cmdline())
            database = next((each for each in programs.SERVICES if f"milepost_{each}" in title), "background")
            used[f"postgres {database}"] += _seconds_of(backend)
        used["postgres background"] += _seconds_of_ended_children(server)
        return dict(used)

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Processes that may not run for a while."""
        for name in names:
            self.stack.processes[name].freeze()
        try:
            yield
        finally:
            for name in names:
                self.stack.processes[name].thaw()

    def start_without_relay(self) -> tuple[str, int]:
        """A process of the projects service that only takes commands; returns its name and port."""
        port = any_free_port()
        settings = {
            **{
                name: value
                for name, value in self.stack.settings("projects").items()
                if name not in RELAY_SETTINGS
            },
            "MILEPOST_PORT": str(port),
            "MILEPOST_METRICS_PORT": str(any_free_port()),
        }
        name = "projects without relay"
        process = ChildProcess(
            name=name,
            command=programs.command("projects", "serve"),
            log=self.stack.whereabouts.log("projects-without-relay"),
            environment=settings,
        )
        self.stack.processes[name] = process
        process.start()
        process.wait_until(lambda: programs.is_ready(f"http://127.0.0.1:{port}"), 30)
        return name, port

    def port(self, service: str) -> int:
        return int(self.stack.url(service).rpartition(":")[2])

    def token(self, org_id: UUID | None = None) -> str:
        whereabouts = self.stack.whereabouts
        return whereabouts.token() if org_id is None else whereabouts.token(org_id=org_id)

    def peer_dsn(self) -> str:
        """A database of the peer's own on the same server."""
        dsn = self.stack.whereabouts.admin_dsn
        if not self.ask("projects", "select from pg_database where datname = %s", PEER_DATABASE):
            self._connection("projects").execute(f"create database {PEER_DATABASE}".encode())
        return in_database(dsn, PEER_DATABASE)

    def _connection(self, service: str) -> psycopg.Connection[tuple[object, ...]]:
        if service not in self._connections:
            dsn = self.stack.whereabouts.database_dsn(service)
            self._connections[service] = psycopg.connect(dsn, autocommit=True)
        return self._connections[service]

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


def _seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _seconds_of_ended_children(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


async def _last_sequence(nats_url: str) -> int:
    client = await jetstream.connect(nats_url, jetstream.user_of(nats_url, "relay"))
    try:
        tail = await stream_tail(client)
    finally:
        await client.close()
    return tail.last_sequence if tail else 0

"""Real servers for tests: given by DSN, in containers where Docker answers, embedded elsewhere. No test knows."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from deploy.local.nats import EmbeddedNats
from deploy.local.ports import any_free_port
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.run_directory import AlreadyHeld, RunDirectory
from tests.support.containers import ContainerizedNats, containerized_postgres
from tests.support.small_disks import unmount_beneath

PREFIX = "milepost-tests-"


class NatsServer(Protocol):
    """A NATS server with JetStream and the users of nats.conf. Faults are real: it is killed, not pretended dead."""

    def url(self, user: str) -> str: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...
    async def wipe(self) -> None:
        """Lose the whole store while the server is down."""


@dataclass
class OwnNats:
    """The embedded server, its blocking calls moved off the event loop."""

    server: EmbeddedNats

    def url(self, user: str) -> str:
        return self.server.url(user)

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.stop)

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.kill)

    async def wipe(self) -> None:
        await asyncio.to_thread(self.server.wipe)


@dataclass(frozen=True)
class GivenNats:
    """Somebody's server: its DSN serves every user, and nobody may break it."""

    dsn: str

    def url(self, user: str) -> str:
        return self.dsn

    async def start(self) -> None:
        raise RuntimeError("a server given by NATS= is not ours to start; use the disposable_nats fixture")

    stop = kill = wipe = start


@cache
def docker_answers() -> bool:
    """True if an engine answers; the client's presence alone says nothing."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def temporary_run(purpose: str = "servers") -> Iterator[Path]:
    """A directory PostgreSQL's own user can reach. What an earlier, killed test run left running is stopped first."""
    sweep_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        run = RunDirectory(Path(name))
        run.acquire()
        try:
            yield run.path
        finally:
            run.stop_leftovers()
            run.release()


def sweep_leftovers() -> None:
    """Stop servers of test runs that are dead; living runs hold their lock and are left alone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        run = RunDirectory(lock.parent)
        try:
            if not lock.read_text():
                continue  # about to be held, or just given back
            run.acquire()
        except (AlreadyHeld, OSError):
            continue
        run.stop_leftovers()
        run.release()
        unmount_beneath(run.path)
        shutil.rmtree(run.path, ignore_errors=True)


@contextmanager
def embedded_postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of one's own, to be killed at will."""
    with temporary_run() as directory:
        server = EmbeddedPostgres(directory / "postgres", any_free_port())
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def embedded_nats() -> Iterator[EmbeddedNats]:
    """A NATS server of one's own, to be killed and wiped at will."""
    with temporary_run() as directory:
        server = EmbeddedNats(directory / "nats", any_free_port())
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def postgres_for_session() -> Iterator[str]:
    """The DSN of a superuser (or of somebody who may create roles and databases)."""
    if given := os.environ.get("PG"):
        yield given
    elif docker_answers():
        with containerized_postgres() as dsn:
            yield dsn
    else:
        with embedded_postgres() as server:
            yield server.dsn()


@contextmanager
def nats_for_session() -> Iterator[NatsServer]:
    if given := os.environ.get("NATS"):
        yield GivenNats(given)
    elif docker_answers():
        with ContainerizedNats() as server:
            yield server
    else:
        with embedded_nats() as embedded:
            yield OwnNats(embedded)

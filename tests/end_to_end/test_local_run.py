"""`make run`, as somebody at a terminal sees it: started, used, crashed, started again, stopped, reset."""

import asyncio
import json
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from deploy.local.addresses import CUSTOMARY
from deploy.local.nats import greets
from deploy.local.ports import LOOPBACK, any_free_port, is_free
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.processes import RECORD_SUFFIX, ChildProcess, ProcessIdentity
from tests.support.servers import temporary_run

START_SECONDS_MAX = 90
STOP_SECONDS_MAX = 20


@dataclass
class Terminal:
    """One command of deploy.local and what it has said so far."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    @classmethod
    async def type(cls, *arguments: str, directory: Path, **environment: str) -> "Terminal":
        own = {name: value for name, value in os.environ.items() if name not in ("PG", "NATS")}
        return cls(
            await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "deploy.local", *arguments, "--directory", str(directory)],
                env={**own, **environment},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        )

    async def read_until(self, beginning: str) -> None:
        """Read on until a line begins like this; an AssertionError shows all lines if the command ends first."""
        assert self.process.stdout is not None
        while line := await asyncio.wait_for(self.process.stdout.readline(), START_SECONDS_MAX):
            self.lines.append(line.decode().rstrip("\n"))
            if self.lines[-1].startswith(beginning):
                return
        raise AssertionError("\n".join(self.lines))

    async def end(self) -> int:
        """Read to the end; the exit code."""
        assert self.process.stdout is not None
        rest = await asyncio.wait_for(self.process.stdout.read(), STOP_SECONDS_MAX)
        self.lines += rest.decode().splitlines()
        return await self.process.wait()

    def line(self, beginning: str) -> str:
        return next(line for line in self.lines if line.lstrip().startswith(beginning))


def processes_of(directory: Path) -> dict[str, psutil.Process]:
    """What runs on behalf of this directory, by name."""
    identities = filter(None, map(ProcessIdentity.read, directory.rglob(f"*{RECORD_SUFFIX}")))
    running = {identity.name: identity.process() for identity in identities}
    return {name: process for name, process in running.items() if process is not None}


def content_of(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


@pytest_asyncio.fixture(scope="module")
async def directory() -> AsyncIterator[Path]:
    with temporary_run("local") as temporary:
        directory = temporary / "run"
        yield directory
        owner = (directory / "lock").read_text()
        if owner:
            # A test failed half way: without its supervisor, what it started stays dead.
            os.kill(int(owner), signal.SIGKILL)


@pytest_asyncio.fixture(scope="module")
async def first_run(directory: Path) -> AsyncIterator[Terminal]:
    """A run while somebody else sits on the customary port of projects."""
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_free(CUSTOMARY["projects"]):
            occupant.bind((LOOPBACK, CUSTOMARY["projects"]))
            occupant.listen()
        terminal = await Terminal.type("run", directory=directory)
        await terminal.read_until("Ready in")
    yield terminal


async def curl(line: str) -> dict[str, object]:
    """Run a line as it was shown."""
    shell = await asyncio.create_subprocess_shell(line, stdout=asyncio.subprocess.PIPE)
    output, _ = await shell.communicate()
    assert shell.returncode == 0, line
    answer: dict[str, object] = json.loads(output)
    return answer


async def test_a_busy_port_is_said_and_the_banner_names_the_one_used(first_run: Terminal) -> None:
    assert f"port {CUSTOMARY['projects']} is busy: projects uses" in "\n".join(first_run.lines)
    used = first_run.line(f"port {CUSTOMARY['projects']} is busy").rpartition(" ")[2]
    assert f"http://{LOOPBACK}:{used}" in first_run.line("projects ")


async def test_the_curl_line_of_the_banner_proposes_a_project(first_run: Terminal) -> None:
    answer = await curl(first_run.line("curl "))
    assert answer["name"] == "Moving to the new data center"


async def test_the_environment_file_is_for_the_shell(first_run: Terminal, directory: Path) -> None:
    answer = await curl(
        f". {shlex.quote(str(directory))}/environment && "
        'curl -sS -H "Authorization: Bearer $MILEPOST_TOKEN" "$MILEPOST_TIMELINE_URL/v1/timeline/projects"'
    )
    assert "items" in answer


async def test_a_second_run_says_where_the_first_one_is(first_run: Terminal, directory: Path) -> None:
    second = await Terminal.type("run", directory=directory)
    assert await second.end() == 0
    assert second.lines[0] == f"Milepost is already running here (process {first_run.process.pid}):"
    assert first_run.line("timeline ") in second.lines


async def test_a_running_system_is_not_reset(first_run: Terminal, directory: Path) -> None:
    reset = await Terminal.type("reset", directory=directory)
    assert await reset.end() == 1
    assert reset.lines == [
        f"Milepost is running here (process {first_run.process.pid}). Stop it first: kill {first_run.process.pid}"
    ]


async def test_a_killed_service_is_brought_back_and_said(first_run: Terminal, directory: Path) -> None:
    processes_of(directory)["notifications"].kill()
    await first_run.read_until("notifications is started again")
    assert first_run.line("notifications ended with code -9")


async def test_after_a_crash_the_next_run_tidies_up_keeps_the_data_and_ends_in_order(
    first_run: Terminal, directory: Path
) -> None:
    first_run.process.kill()
    await first_run.process.wait()
    orphans = processes_of(directory)
    assert {"PostgreSQL", "NATS", "projects", "timeline", "notifications"} <= orphans.keys()

    next_run = await Terminal.type("run", directory=directory)
    await next_run.read_until("Ready in")
    crashed = f"an earlier run (process {first_run.process.pid}) ended without tidying up; stopped what it left running"
    assert next_run.lines[0].startswith(crashed)
    assert not [name for name, process in orphans.items() if process.is_running()]
    answer = await curl(next_run.line("curl "))
    assert answer["name"] == "Moving to the new data center"

    os.kill(next_run.process.pid, signal.SIGTERM)
    assert await next_run.end() == 0
    stopped = next_run.line("Stopped in ")
    assert float(stopped.split()[2]) < 5
    assert processes_of(directory) == {}

    reset = await Terminal.type("reset", directory=directory)
    assert await reset.end() == 0
    assert content_of(directory) == ["lock"]


@pytest.fixture
def plain_nats(tmp_path: Path) -> Iterator[str]:
    """The URL of somebody else's NATS, which knows no users."""
    port = any_free_port()
    program = [str(Path(sys.executable).parent / "nats-server"), "--jetstream", "--addr", LOOPBACK]
    server = ChildProcess(
        "somebody's NATS",
        [*program, "--port", str(port), "--store_dir", str(tmp_path)],
        tmp_path / "nats.log",
    )
    server.start()
    server.wait_until(lambda: greets(port), seconds=30)
    yield f"nats://{LOOPBACK}:{port}"
    assert server.alive
    server.stop()


async def test_servers_given_by_dsn_are_used_instead_of_embedded_ones(
    disposable_postgres: EmbeddedPostgres, plain_nats: str, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    terminal = await Terminal.type("run", directory=directory, PG=disposable_postgres.dsn(), NATS=plain_nats)
    await terminal.read_until("Ready in")
    assert processes_of(directory).keys() == {"projects", "timeline", "notifications"}
    assert (await curl(terminal.line("curl ")))["name"] == "Moving to the new data center"
    terminal.process.terminate()
    assert await terminal.end() == 0

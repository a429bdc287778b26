"""A process starts, serves, and stops in order."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import pytest_asyncio

from libs.chassis.migrations import ROOT, migrate
from tests.support.databases import FreshDatabase
from tests.support.eventually import eventually
from tests.support.spans import collecting

# Of a process, where others have most of the machine.
STARTS_SECONDS_MAX = 40


@dataclass
class Running:
    """A service in its own process, and every line it wrote."""

    process: Process
    lines: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def event(self, name: str) -> dict[str, Any]:
        found = [event for event in self.events if event["event"] == name]
        assert found, f"no {name} in {self.lines}"
        return found[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.event('listening')['port']}"

    async def read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())

    async def exit_code(self, seconds: float) -> int:
        return await asyncio.wait_for(self.process.wait(), seconds)


Start = Callable[..., Awaitable[Running]]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    running: list[tuple[Running, asyncio.Task[None]]] = []

    async def start(*arguments: str, **environment: str) -> Running:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.component.chassis.small_service",
            *arguments,
            cwd=ROOT,
            env={**os.environ, "MILEPOST_DATABASE_URL": "postgresql://a:b@c/d", **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        service = Running(process)
        running.append((service, asyncio.create_task(service.read())))
        await eventually(lambda: service.event("listening"), STARTS_SECONDS_MAX)
        if not {"never-starts", "waits-for-migrations"} & set(arguments):
            await eventually(lambda: service.event("started"), STARTS_SECONDS_MAX)
        return service

    yield start
    for service, reading in running:
        if service.process.returncode is None:
            service.process.kill()
        await service.process.wait()
        await reading


async def test_a_signal_ends_the_process_in_order(start: Start) -> None:
    service = await start()
    async with httpx2.AsyncClient(base_url=service.url) as client:
        assert (await client.get("/readyz")).status_code == 200
        answering = asyncio.create_task(client.get("/finish"))
        streaming = asyncio.create_task(client.get("/stream"))
        await eventually(lambda: open_requests(service, 2))
        service.process.send_signal(signal.SIGTERM)
        answers = [(await answering).text, (await streaming).text]
    assert answers == ["finished", "first\nlast\n"]
    assert await service.exit_code(5) == 0
    await eventually(lambda: service.event("stopped"))
    order = [line for line in service.lines if not line.startswith("{")]
    assert order == ["request finished", "loop released its lock", "pools closed"]


async def test_while_stopping_it_is_not_ready_and_still_answers(start: Start) -> None:
    service = await start(MILEPOST_SHUTDOWN_DELAY_SECONDS="2")
    async with httpx2.AsyncClient(base_url=service.url) as client:
        service.process.send_signal(signal.SIGTERM)
        await eventually(lambda: service.event("stopping"))
        unready = await client.get("/readyz")
        assert (unready.status_code, unready.json()["failing"]) == (503, ["stopping"])
        assert (await client.get("/finish")).text == "finished"
    assert await service.exit_code(5) == 0


async def test_what_never_answers_and_what_never_ends_is_ended_in_time_all_the_same(start: Start) -> None:
    service = await start(
        "hangs", MILEPOST_SHUTDOWN_DELAY_SECONDS="5", MILEPOST_REQUEST_DEADLINE_SECONDS="60"
    )
    async with httpx2.AsyncClient(base_url=service.url, timeout=20) as client:
        asking = asyncio.create_task(client.get("/never"))
        await eventually(lambda: open_requests(service, 1))
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code(15) == 1
        answer = await asking
    assert (answer.status_code, answer.json()["code"]) == (503, "deadline_exceeded")
    assert service.event("loop_does_not_stop")["loop"] == "working"
    assert "pools closed" in service.lines
    assert "Timeout (0:00:14)!" in service.lines, "it says where it hung"


async def test_the_death_of_a_loop_ends_the_process(start: Start) -> None:
    service = await start()
    async with httpx2.AsyncClient(base_url=service.url) as client:
        await client.get("/die")
    assert await service.exit_code(5) == 1
    await eventually(lambda: service.event("loop_died"))
    assert "the loop is broken" in service.event("loop_died")["exception"]
    assert "pools closed" in service.lines


async def test_a_loop_that_returns_is_as_good_as_dead(start: Start) -> None:
    service = await start("returns")
    async with httpx2.AsyncClient(base_url=service.url) as client:
        await client.get("/die")
    assert await service.exit_code(5) == 1
    await eventually(lambda: service.event("loop_ended"))


async def test_while_it_waits_for_what_it_needs_it_lives_but_is_not_ready(start: Start) -> None:
    service = await start("never-starts")
    async with httpx2.AsyncClient(base_url=service.url) as client:
        assert (await client.get("/livez")).status_code == 200
        unready = await client.get("/readyz")
    assert (unready.status_code, unready.headers["content-type"]) == (503, "application/problem+json")
    service.process.send_signal(signal.SIGTERM)
    assert await service.exit_code(5) == 0


async def test_until_the_migration_job_has_run_it_lives_is_not_ready_and_says_what_is_pending(
    start: Start, empty_database: FreshDatabase, tmp_path: Path
) -> None:
    (tmp_path / "0001_facts.sql").write_text("create table facts (fact text)")
    dsn = empty_database.admin_dsn
    service = await start("waits-for-migrations", str(tmp_path), MILEPOST_DATABASE_URL=dsn)
    await eventually(lambda: service.event("waiting_for_migrations"))
    async with httpx2.AsyncClient(base_url=service.url) as client:
        assert [(await client.get(path)).status_code for path in ("/livez", "/readyz")] == [200, 503]
        await migrate(dsn, [tmp_path])
        await eventually(lambda: service.event("started"))
        assert (await client.get("/readyz")).status_code == 200
    said = [line["reason"] for line in service.events if line["event"] == "waiting_for_migrations"]
    assert said == ["the database was never migrated"], "not at every look, but every few seconds"


async def test_at_its_end_it_exports_the_spans_that_are_left(start: Start) -> None:
    with collecting() as collector:
        service = await start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="600000")
        async with httpx2.AsyncClient(base_url=service.url) as client:
            await client.get("/docs")
        assert collector.spans == []
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code(5) == 0
    assert [(span.service, span.name) for span in collector.spans] == [("small", "GET /docs")]


@pytest.mark.parametrize("is_listening", [False, True], ids=["a collector that is away", "one that hangs"])
async def test_a_collector_in_trouble_delays_neither_answers_nor_the_end(
    start: Start, is_listening: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1] if is_listening else 9
        url = f"http://127.0.0.1:{port}"
        service = await start(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_SCHEDULE_DELAY="10")
        async with httpx2.AsyncClient(base_url=service.url, timeout=2) as client:
            answers = [await client.get("/docs") for _ in range(100)]
        assert {answer.status_code for answer in answers} == {200}
        service.process.send_signal(signal.SIGTERM)
        assert await service.exit_code(5) == 0


async def test_a_port_that_is_taken_is_said_plainly(start: Start) -> None:
    port = str((await start()).event("listening")["port"])
    second = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.component.chassis.small_service",
        cwd=ROOT,
        env={**os.environ, "MILEPOST_DATABASE_URL": "postgresql://a:b@c/d", "MILEPOST_PORT": port},
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await asyncio.wait_for(second.communicate(), 10)
    assert second.returncode == 1
    assert json.loads(written)["event"] == "cannot_start"


async def open_requests(service: Running, count: int) -> None:
    """Until the small service has that many connections with a request in progress."""
    connections = psutil.Process(service.process.pid).net_connections("tcp")
    assert len([each for each in connections if each.status == psutil.CONN_ESTABLISHED]) >= count

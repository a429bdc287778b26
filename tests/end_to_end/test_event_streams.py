"""Streams of events from real processes: they end in order, and no restart makes a gap or a duplicate."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from uuid import UUID, uuid4

import httpx2
import pytest

from deploy.local.stack import Stack
from tests.bench import filling
from tests.bench.pressure import request
from tests.support.event_streams import connected
from tests.support.eventually import eventually
from tests.support.faithful import Faithful
from tests.support.stacks import running_stack

STREAMS = 50
EXIT_SECONDS_MAX = 5


@pytest.fixture(scope="module")
def breakable() -> Iterator[Stack]:
    """A system of this module's own, to be stopped and killed at will."""
    with running_stack() as stack:
        yield stack


@asynccontextmanager
async def proposing(stack: Stack, org_id: UUID) -> AsyncIterator[httpx2.AsyncClient]:
    token = stack.whereabouts.token(org_id=org_id)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(
        base_url=stack.url("projects"), headers=headers, timeout=20, trust_env=False
    ) as client:
        yield client


async def propose(client: httpx2.AsyncClient, number: int) -> None:
    """Propose a project, once, whatever happens to the service meanwhile."""

    async def accepted() -> None:
        try:
            key = {"Idempotency-Key": f"project {number}"}
            answer = await client.post("/v1/projects", json={"name": f"Project {number}"}, headers=key)
        except httpx2.HTTPError as error:
            raise AssertionError(str(error)) from error
        assert answer.status_code == 201, answer.text

    await eventually(accepted, 60)


async def test_a_stream_arrives_at_once_where_answers_are_compressed(breakable: Stack) -> None:
    org_id = uuid4()
    token = breakable.whereabouts.token(org_id=org_id)
    accepting = {"Accept-Encoding": "gzip, deflate, br, zstd"}
    async with (
        connected(breakable.url("projects"), token, accepting) as stream,
        proposing(breakable, org_id) as client,
    ):
        await stream.has_begun()
        for number in range(3):
            await propose(client, number)
            # Sooner than the next ping, with which it might come.
            await stream.has_heard(number + 1, seconds=5)
    assert stream.headers["content-type"].startswith("text/event-stream")
    # What else a browser takes would cost megabytes for as long as it listens.
    assert stream.headers["content-encoding"] == "gzip"


async def test_nothing_is_missed_or_doubled_through_restarts_of_everything(breakable: Stack) -> None:
    org_id = uuid4()
    reader = Faithful(breakable, breakable.whereabouts.token(org_id=org_id))
    reading = asyncio.create_task(reader.read())
    count = 60

    async def write() -> None:
        async with proposing(breakable, org_id) as client:
            for number in range(count):
                await propose(client, number)
                if number == 10:
                    await asyncio.to_thread(breakable.restart, "projects")
                if number == 20:
                    await asyncio.to_thread(breakable.kill, "postgres")
                    await asyncio.to_thread(breakable.start_again, "postgres")
                if number == 30:
                    await asyncio.to_thread(breakable.kill, "nats")
                    await asyncio.to_thread(breakable.start_again, "nats")
                if number == 40:
                    await asyncio.to_thread(breakable.kill, "projects")
                    await asyncio.to_thread(breakable.start_service, "projects")

    await asyncio.wait_for(write(), 120)

    def complete() -> None:
        assert len(reader.positions) >= count, len(reader.positions)

    await eventually(complete, 30)
    async with proposing(breakable, org_id) as client:
        recorded = (await client.get("/v1/events", params={"limit": 1000})).json()["items"]
    reading.cancel()
    assert reader.positions == [event["position"] for event in recorded]
    assert len(recorded) == count
    # The polite restart said so; the kill could not. Without the database streams stayed open.
    assert reader.reasons[0] == "server_stopping"


async def test_readers_who_take_nothing_do_not_keep_the_process(breakable: Stack) -> None:
    host, _, port = breakable.url("projects").rpartition("/")[2].rpartition(":")
    with ExitStack() as opened:
        for _ in range(3):
            reader = opened.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.connect((host, int(port)))
            token = breakable.whereabouts.token(org_id=filling.ORG_ID, actor=uuid4())
            reader.sendall(request("GET", "/v1/events/stream", token=token).encode())
            assert (await asyncio.to_thread(reader.recv, 12)) == b"HTTP/1.1 200"
        await asyncio.to_thread(filling.fill, breakable.whereabouts.dsn("projects_service"), 15_000)
        process = breakable.processes["projects"]
        process.ask_to_stop()
        assert await asyncio.to_thread(process.wait, EXIT_SECONDS_MAX) == 0
    await asyncio.to_thread(breakable.start_service, "projects")
    assert "without completing" not in breakable.whereabouts.log("projects").read_text()


async def test_fifty_open_streams_get_a_last_frame_and_the_process_is_gone_at_once(breakable: Stack) -> None:
    org_id = uuid4()
    async with AsyncExitStack() as opened:
        streams = [
            await opened.enter_async_context(
                connected(
                    breakable.url("projects"), breakable.whereabouts.token(org_id=org_id, actor=uuid4())
                )
            )
            for _ in range(STREAMS)
        ]
        for stream in streams:
            await stream.has_begun()
        process = breakable.processes["projects"]
        started = time.monotonic()
        process.ask_to_stop()
        code = await asyncio.to_thread(process.wait, EXIT_SECONDS_MAX)
        took_seconds = time.monotonic() - started
        ends = [await stream.has_ended() for stream in streams]
    await asyncio.to_thread(breakable.start_service, "projects")

    assert (code, ends) == (0, ["server_stopping"] * STREAMS)
    assert took_seconds < EXIT_SECONDS_MAX

"""The relay: position = stream sequence, through every accident that can befall the stream."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from nats.aio.client import Client

from deploy.local.nats import EmbeddedNats
from libs.events import jetstream
from libs.events.envelope import read_cloud_event
from libs.events.log import measuring
from libs.events.log.keeper import Keeper, StreamSettings, stream_tail
from libs.events.log.log import Log
from libs.events.log.relay import Relay, RelaySettings
from tests.support.databases import FreshDatabase
from tests.support.eventually import eventually
from tests.support.projects_database import PASSWORD, RELAY
from tests.support.recordings import proposing

Running = Callable[[EmbeddedNats], "asyncio.Task[None]"]


@pytest_asyncio.fixture
async def relays(projects_database: FreshDatabase) -> AsyncIterator[Running]:
    """Starts relays, as many as one likes; all are stopped after the test."""
    tasks: list[asyncio.Task[None]] = []

    def start(server: EmbeddedNats) -> "asyncio.Task[None]":
        settings = RelaySettings(
            projects_database.dsn(RELAY, PASSWORD),
            server.url("relay"),
            stream_max_age=timedelta(days=30),
            identity_check_seconds=0.5,
        )
        keeper = Keeper(server.url("keeper"), StreamSettings())
        tasks.append(asyncio.create_task(Relay(settings, keeper).run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def looking_at(server: EmbeddedNats) -> AsyncIterator[Client]:
    client = await jetstream.connect(server.url("relay"), "relay")
    try:
        yield client
    finally:
        await client.close()


async def sequence_of_stream(server: EmbeddedNats) -> int | None:
    async with looking_at(server) as client:
        tail = await stream_tail(client)
        return tail.last_sequence if tail else None


async def expect_copy_of(log: Log, server: EmbeddedNats, seconds: float = 15) -> None:
    """The stream holds exactly the log, each event at the sequence that is its position."""

    async def is_copy() -> None:
        head = await log.head()
        async with looking_at(server) as client:
            tail = await stream_tail(client)
            assert tail is not None
            assert tail.last_sequence == head
            for entry in await log.read(0, 5_000):
                request = {"seq": entry.position}
                answer = await jetstream.request(
                    client, "STREAM.MSG.GET.PROJECTS", request, api=jetstream.API
                )
                assert base64.b64decode(answer["message"]["data"]) == entry.body
                assert answer["message"]["subject"] == entry.subject

    await eventually(is_copy, seconds)


async def test_the_stream_becomes_a_copy_of_the_log(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    await log.append([proposing() for _ in range(40)])
    relays(disposable_nats)
    await expect_copy_of(log, disposable_nats)
    for _ in range(5):
        await log.append([proposing(events=2)])
    await expect_copy_of(log, disposable_nats)


async def test_more_events_than_a_batch_holds_are_relayed_in_order(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    for _ in range(3):
        await log.append([proposing(events=1) for _ in range(700)])
    relays(disposable_nats)
    await eventually(lambda: _at(disposable_nats, 2_100))


async def test_two_relays_neither_double_nor_drop(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    relays(disposable_nats)
    relays(disposable_nats)
    for _ in range(30):
        await log.append([proposing()])
    await expect_copy_of(log, disposable_nats)


async def test_a_relay_whose_lock_is_ignored_is_fenced_by_the_stream(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    await log.append([proposing() for _ in range(3)])
    relays(disposable_nats)
    await expect_copy_of(log, disposable_nats)
    async with looking_at(disposable_nats) as client:
        stale = [(entry.subject, entry.body) for entry in await log.read(1, 2)]
        with pytest.raises(jetstream.ApiError) as refused:
            await jetstream.publish_batch(client, stale, 1)
    assert refused.value.code == jetstream.WRONG_LAST_SEQUENCE
    await log.append([proposing()])
    await expect_copy_of(log, disposable_nats)


async def test_a_wiped_broker_gets_the_whole_log_again(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    await log.append([proposing() for _ in range(20)])
    relays(disposable_nats)
    await expect_copy_of(log, disposable_nats)
    await asyncio.to_thread(disposable_nats.kill)
    await log.append([proposing() for _ in range(20)])
    await asyncio.to_thread(disposable_nats.wipe)
    await asyncio.to_thread(disposable_nats.start)
    await expect_copy_of(log, disposable_nats, 30)


async def test_a_stream_ahead_of_the_log_is_refused_and_left_alone(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    await log.append([proposing() for _ in range(2)])
    relays(disposable_nats)
    await expect_copy_of(log, disposable_nats)
    async with looking_at(disposable_nats) as client:
        [entry] = await log.read(1, 1)
        await jetstream.publish_batch(client, [(entry.subject, entry.body)], 2)
    await eventually(lambda: _refuses(1), 20)
    await log.append([proposing()])
    assert await sequence_of_stream(disposable_nats) == 3
    async with looking_at(disposable_nats) as client:
        answer = await jetstream.request(client, "STREAM.MSG.GET.PROJECTS", {"seq": 3}, api=jetstream.API)
    assert read_cloud_event(base64.b64decode(answer["message"]["data"])).position == 2


async def test_a_message_that_is_no_event_stops_the_relay_and_not_the_process(
    log: Log, disposable_nats: EmbeddedNats, relays: Running
) -> None:
    await log.append([proposing() for _ in range(2)])
    running = relays(disposable_nats)
    await expect_copy_of(log, disposable_nats)
    async with looking_at(disposable_nats) as client:
        await jetstream.publish_batch(client, [("milepost.forged", b"this is no event")], 2)
    await log.append([proposing()])
    await eventually(lambda: _refuses(1), 20)
    assert not running.done()
    assert await sequence_of_stream(disposable_nats) == 3


def _refuses(value: int) -> None:
    [metric] = measuring.RELAY_REFUSED.collect()
    assert metric.samples[0].value == value


async def _at(server: EmbeddedNats, position: int) -> None:
    assert await sequence_of_stream(server) == position

"""A connection to NATS that breaks is an error after which one tries again, and leaves nothing behind."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import nats.errors
import pytest
import uvloop
from nats.aio.client import Client

from deploy.local.nats import EmbeddedNats
from libs.events import jetstream
from tests.support.eventually import eventually
from tests.support.servers import NatsServer

INFORMATION = f"STREAM.INFO.{jetstream.STREAM}"


def as_a_service_does(work: Coroutine[Any, Any, None]) -> None:
    """On the event loop of the services: writing to what it has closed is a RuntimeError to it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def test_a_first_request_after_the_server_died_is_an_error_of_the_network_and_leaves_no_task(
    disposable_nats: EmbeddedNats,
) -> None:
    async def ask_the_dead() -> None:
        async with jetstream.connected(disposable_nats.url("relay"), "relay") as client:
            await asyncio.to_thread(disposable_nats.kill)
            await eventually(lambda: has_noticed(client), every=0)
            await jetstream.request(client, INFORMATION, api=jetstream.API)

    async def expect_nothing_left() -> None:
        before = asyncio.all_tasks()
        with pytest.raises(nats.errors.Error):
            await ask_the_dead()
        await eventually(lambda: are_all_tasks(before))

    as_a_service_does(expect_nothing_left())


def test_writing_to_a_connection_that_is_closed_beneath_is_a_broken_connection(
    disposable_nats: EmbeddedNats,
) -> None:
    async def write_into_nothing() -> None:
        async with jetstream.connected(disposable_nats.url("relay"), "relay"):
            _, writer = await asyncio.open_connection("127.0.0.1", disposable_nats.port)
            writer.close()
            await writer.wait_closed()
            writer.writelines([b"PING\r\n"])

    with pytest.raises(ConnectionResetError):
        as_a_service_does(write_into_nothing())


def test_other_errors_of_the_program_stay_what_they_are(disposable_nats: EmbeddedNats) -> None:
    async def fail() -> None:
        async with jetstream.connected(disposable_nats.url("relay"), "relay"):
            raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        as_a_service_does(fail())


def test_what_the_server_itself_says_is_heard_although_headers_of_events_are_not(
    disposable_nats: EmbeddedNats,
) -> None:
    async def ask_nobody() -> None:
        async with jetstream.connected(disposable_nats.url("relay"), "relay") as client:
            await client.request("milepost.where.nobody.listens", b"")

    with pytest.raises(nats.errors.NoRespondersError):
        as_a_service_does(ask_nobody())


def has_noticed(client: Client) -> None:
    assert client.is_reconnecting


def are_all_tasks(before: "set[asyncio.Task[Any]]") -> None:
    assert asyncio.all_tasks() == before


async def test_who_is_cancelled_as_the_reply_comes_does_not_go_on(nats_server: NatsServer) -> None:
    async with jetstream.connected(nats_server.url("relay"), "relay") as client:
        asking = asyncio.create_task(client.request(f"{jetstream.API}.{INFORMATION}"))

        def is_waiting() -> None:
            waiting = list(client._resp_map.values())  # noqa: SLF001 -- cancelled with the reply, not about then
            assert waiting
            waiting[0].add_done_callback(lambda _: asking.cancel())

        await eventually(is_waiting, every=0)
        with pytest.raises(asyncio.CancelledError):
            await asking

"""JetStream as Milepost uses it, and its simulation: the same answers, and the same losses when it breaks."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from nats.aio.client import Client

from deploy.local.nats import EmbeddedNats
from libs.events import jetstream
from libs.events.envelope import cloud_event
from libs.events.log.keeper import Keeper, StreamSettings, stream_tail
from libs.events.pulling import Pull, PullLost
from tests.component.simulation.playing import simulated
from tests.simulation.broker.server import SimulatedNats
from tests.simulation.history import script
from tests.simulation.network import Network
from tests.support.servers import OwnNats

BODIES = [cloud_event(envelope) for envelope in script(0).envelopes[:40]]
MESSAGES = [(f"milepost.test.{number}", body) for number, body in enumerate(BODIES)]


@dataclass
class Broker:
    """One of the two: how to connect, where, and how it breaks."""

    connect: jetstream.Connect
    url: Callable[[str], str]
    restart: Callable[[], Awaitable[None]]
    wipe: Callable[[], Awaitable[None]]

    @asynccontextmanager
    async def client(self, user: str) -> AsyncIterator[Client]:
        client = await self.connect(self.url(user), user)
        try:
            yield client
        finally:
            await client.close()

    async def create(self, first: int = 1) -> None:
        await Keeper(self.url("keeper"), StreamSettings(), self.connect).create(first)


Scene = Callable[[Broker], Awaitable[Any]]


def as_it_came(body: bytes, sequence: int) -> bytes:
    return body


async def _code(asking: Awaitable[Any]) -> Any:
    """What was answered, or with which code it was refused."""
    try:
        return await asking
    except jetstream.ApiError as error:
        return error.code


async def _taken(pull: Pull[bytes], most: int) -> list[tuple[int, bytes]]:
    """So many messages, however many times it takes to take them."""
    taken: list[tuple[int, bytes]] = []
    while len(taken) < most:
        taken += await pull.take(most - len(taken), 2)
    return taken


async def a_stream_begins_where_the_keeper_says(broker: Broker) -> Any:
    async with broker.client("relay") as relay:
        told: list[Any] = [await stream_tail(relay)]
        await broker.create(first=17)
        tail = await stream_tail(relay)
        assert tail is not None
        told += [tail.last_sequence, tail.last_event_id]
        told.append(await _code(jetstream.publish_batch(relay, MESSAGES[:2], 16)))
        tail = await stream_tail(relay)
        assert tail is not None
        await Keeper(broker.url("keeper"), StreamSettings(), broker.connect).uphold()
        return [*told, tail.last_sequence, tail.last_event_id]


async def what_does_not_follow_is_refused_whole(broker: Broker) -> Any:
    await broker.create()
    async with broker.client("relay") as relay:
        return [
            await _code(jetstream.publish_batch(relay, MESSAGES[:3], 0)),
            await _code(jetstream.publish_batch(relay, MESSAGES[:3], 0)),
            await _code(jetstream.publish_batch(relay, MESSAGES[3:4], 7)),
            await _code(jetstream.publish_batch(relay, MESSAGES[3:4], 3)),
            await _code(jetstream.request(relay, "STREAM.MSG.GET.PROJECTS", {"seq": 9}, api=jetstream.API)),
            await _message(relay, 2),
        ]


async def a_batch_with_a_hole_is_refused(broker: Broker) -> Any:
    await broker.create()
    async with broker.client("relay") as relay:
        [(subject, body), (last_subject, last_body)] = MESSAGES[:2]
        fence = {"Nats-Expected-Last-Sequence": "0"}
        await relay.publish(
            subject, body, headers={"Nats-Batch-Id": "holey", "Nats-Batch-Sequence": "1"} | fence
        )
        end = {"Nats-Batch-Id": "holey", "Nats-Batch-Sequence": "3", "Nats-Batch-Commit": "1"}
        answer = await relay.request(last_subject, last_body, timeout=3, headers=end)
        tail = await stream_tail(relay)
        return b'"err_code":10176' in answer.data.replace(b" ", b""), tail and tail.last_sequence


async def a_consumer_gets_what_follows_its_place_and_then_what_comes(broker: Broker) -> Any:
    await broker.create()
    async with broker.client("relay") as relay, broker.client("timeline") as client:
        await jetstream.publish_batch(relay, MESSAGES[:10], 0)
        pull = Pull(client, "timeline", as_it_came)
        await pull.start(after=4)
        told = [await _taken(pull, 6), pull.pending]
        await jetstream.publish_batch(relay, MESSAGES[10:13], 10)
        told.append(await _taken(pull, 3))
        await pull.start(after=11)
        told.append(await _taken(pull, 2))
        await pull.stop()
        return told


async def a_consumer_beyond_the_end_waits_for_its_turn(broker: Broker) -> Any:
    await broker.create()
    async with broker.client("relay") as relay, broker.client("timeline") as client:
        pull = Pull(client, "timeline", as_it_came)
        await pull.start(after=2)
        await jetstream.publish_batch(relay, MESSAGES[:2], 0)
        told = [await pull.take(10, 0.3)]
        await jetstream.publish_batch(relay, MESSAGES[2:4], 2)
        told.append(await _taken(pull, 2))
        await pull.stop()
        return told


async def a_consumer_that_is_deleted_is_missed_at_once(broker: Broker) -> Any:
    await broker.create()
    async with broker.client("timeline") as client:
        pull = Pull(client, "timeline", as_it_came)
        await pull.start(after=0)
        await pull.take(10, 0.3)
        await jetstream.request(client, "CONSUMER.DELETE.PROJECTS.timeline")
        told = [
            await _code(jetstream.request(client, "CONSUMER.DELETE.PROJECTS.timeline")),
            await _lost(pull),
        ]
        await pull.stop()
        return told


async def there_is_no_consumer_without_a_stream(broker: Broker) -> Any:
    async with broker.client("timeline") as client:
        return [
            await _code(jetstream.request(client, "STREAM.INFO.PROJECTS")),
            await _code(jetstream.request(client, "CONSUMER.DELETE.PROJECTS.timeline")),
            await _code(Pull(client, "timeline", as_it_came).start(after=0)),
        ]


async def a_restart_keeps_the_stream_and_breaks_the_flow(broker: Broker) -> Any:
    await broker.create()
    async with broker.client("relay") as relay, broker.client("timeline") as client:
        await jetstream.publish_batch(relay, MESSAGES[:5], 0)
        pull = Pull(client, "timeline", as_it_came)
        await pull.start(after=0)
        told: list[Any] = [await _taken(pull, 5)]
        await broker.restart()
        told.append(await _lost(pull))
        await pull.start(after=3)
        told.append(await _taken(pull, 2))
        await pull.stop()
        return told


async def a_wiped_broker_has_no_stream(broker: Broker) -> Any:
    await broker.create()
    await broker.wipe()
    async with broker.client("relay") as relay:
        return [await stream_tail(relay), "it is gone"]


async def _message(client: Client, sequence: int) -> Any:
    request = {"seq": sequence}
    answer = await jetstream.request(client, "STREAM.MSG.GET.PROJECTS", request, api=jetstream.API)
    return answer["message"]["subject"], base64.b64decode(answer["message"]["data"])


async def _lost(pull: Pull[bytes]) -> str:
    """Take until the flow is known to be lost."""
    try:
        while True:
            await pull.take(10, 1)
    except PullLost:
        return "lost"


SCENES: tuple[Scene, ...] = (
    a_stream_begins_where_the_keeper_says,
    what_does_not_follow_is_refused_whole,
    a_batch_with_a_hole_is_refused,
    a_consumer_gets_what_follows_its_place_and_then_what_comes,
    a_consumer_beyond_the_end_waits_for_its_turn,
    a_consumer_that_is_deleted_is_missed_at_once,
    there_is_no_consumer_without_a_stream,
    a_restart_keeps_the_stream_and_breaks_the_flow,
    a_wiped_broker_has_no_stream,
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_the_broker_behaves_as_a_real_one(disposable_nats: EmbeddedNats, scene: Scene) -> None:
    server = OwnNats(disposable_nats)

    async def restart() -> None:
        await server.kill()
        await server.start()

    async def wipe() -> None:
        await server.kill()
        await server.wipe()
        await server.start()

    async def act(network: Network) -> Any:
        simulated_server = SimulatedNats(network, Random(1))
        return await scene(_simulated(simulated_server))

    real = await scene(Broker(jetstream.connect, server.url, restart, wipe))

    assert real
    assert await simulated(act) == real


def _simulated(server: SimulatedNats) -> Broker:
    async def restart() -> None:
        server.go_down()
        server.come_up(server.store.stream)

    async def wipe() -> None:
        server.go_down()
        server.come_up(None)

    return Broker(server.connect, lambda user: f"nats://{user}@simulated", restart, wipe)

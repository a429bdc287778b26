"""Whoever is asked to stop is gone within 15 s, whatever has become of the servers, and loses nothing acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from random import Random
from typing import Any, TypeAlias

import httpx2
import pytest
import pytest_asyncio

from deploy.local.programs import SERVICES
from tests.support import event_streams
from tests.support.event_streams import Listener
from tests.support.eventually import eventually
from tests.support.proof.campaign import Campaign
from tests.support.proof.campaign import campaign as begun
from tests.support.proof.chaos.fault import lasting
from tests.support.proof.chaos.links import SERVERS, LinkedStack, linked_stack
from tests.support.proof.chaos.processes import EXIT_SECONDS_MAX
from tests.support.proof.load import Load
from tests.support.proof.proxy import FINE, Weather
from tests.support.proof.sending import Sender

# What pods are told. It is a part of what they may take.
DELAY = {"MILEPOST_SHUTDOWN_DELAY_SECONDS": "5"}
SILENT = Weather(swallows=True)
STREAMS = 3
# Nobody hangs up: what is asked is in flight until the service answers, or is gone.
PATIENCE_SECONDS = 60
PATIENT_CLIENTS = 8
LOOK_SECONDS_MAX = 0.2
QUESTIONS = (
    ("projects", "/v1/events"),
    ("timeline", "/v1/timeline/issues"),
    ("notifications", "/v1/notifications/inbox"),
)

Trouble: TypeAlias = Callable[[Campaign, LinkedStack], AbstractAsyncContextManager[None]]


@pytest_asyncio.fixture(scope="module")
async def stack() -> AsyncIterator[LinkedStack]:
    async with linked_stack(Random(1), DELAY) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def campaign(stack: LinkedStack) -> AsyncIterator[Campaign]:
    async with begun(stack) as running:
        yield running


def frozen(*servers: str) -> Trouble:
    @asynccontextmanager
    async def trouble(campaign: Campaign, _: LinkedStack) -> AsyncIterator[None]:
        await campaign.freeze(*servers)
        try:
            yield
        finally:
            await campaign.thaw(*servers)

    return trouble


def beyond_a_black_hole(*servers: str) -> Trouble:
    @asynccontextmanager
    async def trouble(_: Campaign, stack: LinkedStack) -> AsyncIterator[None]:
        links = [stack.links[f"{service} → {server}"] for service in SERVICES for server in servers]
        for link in links:
            link.become(SILENT)
        try:
            yield
        finally:
            for link in links:
                link.become(FINE)

    return trouble


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        pytest.param(frozen("postgres"), 0, id="PostgreSQL is frozen"),
        pytest.param(frozen("nats"), 0, id="NATS is frozen"),
        pytest.param(frozen(*SERVERS), 0, id="both are frozen"),
        pytest.param(frozen(*SERVERS), 12, id="both are frozen for so long that nobody leads any more"),
        pytest.param(beyond_a_black_hole(*SERVERS), 2, id="both are beyond a black hole"),
    ],
)
async def test_at_work_they_are_gone_in_time(
    campaign: Campaign, stack: LinkedStack, trouble: Trouble, seconds: float
) -> None:
    async with campaign.under_load() as load, patient_clients(campaign), beside(import_without_end(campaign)):
        await load.acknowledges(150)
        async with (
            listeners(campaign) as heard,
            trouble(campaign, stack),
            beside(*(read(campaign, *each) for each in QUESTIONS)),
        ):
            await lasting(campaign.chance, seconds, seconds)
            await asked_to_stop_they_are_gone(campaign)
        assert {listener.reason for listener in heard} == {"server_stopping"}
        await campaign.start_again(*SERVICES)
        await load.acknowledges(50)
    await campaign.everything_holds()


async def test_while_they_wait_for_servers_that_are_frozen_they_are_gone_in_time(
    campaign: Campaign, stack: LinkedStack
) -> None:
    async with campaign.under_load() as load:
        await load.acknowledges(50)
        await campaign.kill(*SERVICES)
        async with frozen(*SERVERS)(campaign, stack):
            await campaign.start_again(*SERVICES)
            await eventually(lambda: everybody_lives(campaign), 30)
            await asked_to_stop_they_are_gone(campaign)
        await campaign.start_again(*SERVICES)
        await load.acknowledges(50)
    await campaign.everything_holds()


async def asked_to_stop_they_are_gone(campaign: Campaign) -> None:
    """All at once, in order, and within the bound."""
    processes = {service: campaign.stack.processes[service] for service in SERVICES}
    campaign.struck |= set(SERVICES)
    for process in processes.values():
        process.ask_to_stop()

    def are_gone() -> None:
        alive = [service for service, process in processes.items() if process.alive]
        assert not alive, f"{alive} were asked to stop {EXIT_SECONDS_MAX} s ago"

    await eventually(are_gone, EXIT_SECONDS_MAX)
    assert {service: process.exit_code for service, process in processes.items()} == dict.fromkeys(
        SERVICES, 0
    )


async def everybody_lives(campaign: Campaign) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for service in SERVICES:
            try:
                answer = await client.get(f"{campaign.stack.url(service)}/livez")
            except httpx2.TransportError as error:
                raise AssertionError(f"{service}: {error!r}") from error
            assert answer.status_code == 200


@asynccontextmanager
async def patient_clients(campaign: Campaign) -> AsyncIterator[None]:
    """Commands in flight, of clients who wait for their answer; the ledger knows of them."""
    sender = Sender(
        campaign.sender.addresses,
        campaign.ledger,
        campaign.token,
        Random(2),
        patience_seconds=PATIENCE_SECONDS,
    )
    try:
        async with Load(campaign.world, sender, clients=PATIENT_CLIENTS).running():
            yield
    finally:
        await sender.close()


@asynccontextmanager
async def listeners(campaign: Campaign) -> AsyncIterator[list[Listener]]:
    """Open streams of events."""
    async with AsyncExitStack() as opened:
        streams = [
            event_streams.connected(campaign.stack.url("projects"), token_of_somebody(campaign))
            for _ in range(STREAMS)
        ]
        heard = [await opened.enter_async_context(stream) for stream in streams]
        for listener in heard:
            await listener.has_begun()
        yield heard


@asynccontextmanager
async def beside(*asking: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Requests in flight until they come to their own end, which the services make."""
    tasks = [asyncio.create_task(each) for each in asking]
    try:
        yield
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def import_without_end(campaign: Campaign) -> None:
    """In flight for as long as it is let, as its only line goes on and on."""

    async def content() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await lasting(campaign.chance, 0, LOOK_SECONDS_MAX)

    url = f"{campaign.stack.url('projects')}/v1/imports"
    async with somebody(campaign) as client:
        with pytest.raises(httpx2.TransportError):
            await client.post(url, content=content(), headers={"Content-Type": "application/x-ndjson"})


async def read(campaign: Campaign, service: str, path: str) -> None:
    """One question after the other for as long as it is answered; an outage is a 503, never a 500."""
    async with somebody(campaign) as client:
        with suppress(httpx2.TransportError):
            while True:
                answer = await client.get(f"{campaign.stack.url(service)}{path}")
                assert answer.status_code in (200, 503), answer.text
                await lasting(campaign.chance, 0, LOOK_SECONDS_MAX)


def somebody(campaign: Campaign) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token_of_somebody(campaign)}"}
    return httpx2.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False, headers=headers)


def token_of_somebody(campaign: Campaign) -> str:
    organization = campaign.world.organizations[0]
    return campaign.token(organization.org_id, organization.people[0])

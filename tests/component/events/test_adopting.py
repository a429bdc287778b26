"""Where the stream parts from a log that was restored, to the position."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from deploy.local.nats import EmbeddedNats
from libs.events import jetstream
from libs.events.log.adopting import Divergence, divergence
from libs.events.log.keeper import Keeper, StreamSettings, stream_tail
from libs.events.log.log import Log
from libs.events.log.relay import Relay, RelaySettings
from tests.component.events.worlds import lose_what_followed
from tests.support.databases import FreshDatabase
from tests.support.eventually import eventually
from tests.support.projects_database import PASSWORD, RELAY
from tests.support.recordings import proposing

RELAYED = 12


@pytest.mark.parametrize(("kept", "added"), [(0, 0), (0, 20), (5, 20), (11, 0), (11, 20)])
async def test_log_and_stream_are_alike_up_to_where_the_log_was_restored(
    log: Log, projects_database: FreshDatabase, disposable_nats: EmbeddedNats, kept: int, added: int
) -> None:
    await log.append([proposing() for _ in range(RELAYED)])
    await _relay_all(projects_database, disposable_nats, RELAYED)
    assert await _divergence(projects_database, disposable_nats) is None
    await lose_what_followed(projects_database, kept)
    await log.append([proposing() for _ in range(added)])
    parted = Divergence(common=kept, head=kept + added, last=RELAYED)
    assert await _divergence(projects_database, disposable_nats) == parted
    assert parted.lost == RELAYED - kept


async def test_a_stream_that_is_behind_or_missing_has_not_parted(
    log: Log, projects_database: FreshDatabase, disposable_nats: EmbeddedNats
) -> None:
    await log.append([proposing() for _ in range(3)])
    assert await _divergence(projects_database, disposable_nats) is None
    await _relay_all(projects_database, disposable_nats, 3)
    await log.append([proposing()])
    assert await _divergence(projects_database, disposable_nats) is None


async def test_what_the_stream_holds_no_more_is_taken_to_be_alike(
    log: Log, projects_database: FreshDatabase, disposable_nats: EmbeddedNats
) -> None:
    await log.append([proposing() for _ in range(RELAYED)])
    await Keeper(disposable_nats.url("keeper"), StreamSettings()).create(9)
    await _relay_all(projects_database, disposable_nats, RELAYED)
    await lose_what_followed(projects_database, 4)
    await log.append([proposing() for _ in range(RELAYED)])
    parted = Divergence(common=8, head=4 + RELAYED, last=RELAYED)
    assert await _divergence(projects_database, disposable_nats) == parted


async def _relay_all(projects: FreshDatabase, server: EmbeddedNats, head: int) -> None:
    settings = RelaySettings(projects.dsn(RELAY, PASSWORD), server.url("relay"), timedelta(days=30))
    relay = asyncio.create_task(Relay(settings, Keeper(server.url("keeper"), StreamSettings())).run())

    async def is_there() -> None:
        client = await jetstream.connect(server.url("relay"), "relay")
        tail = await stream_tail(client)
        await client.close()
        assert tail is not None
        assert tail.last_sequence == head

    await eventually(is_there)
    relay.cancel()
    await asyncio.wait([relay])


async def _divergence(projects: FreshDatabase, server: EmbeddedNats) -> Divergence | None:
    connection = await asyncpg.connect(projects.admin_dsn)
    client = await jetstream.connect(server.url("relay"), "relay")
    try:
        return await divergence(connection, client)
    finally:
        await client.close()
        await connection.close()

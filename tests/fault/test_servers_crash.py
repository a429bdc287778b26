"""PostgreSQL and NATS crash under load, and NATS loses all it had: the log decides, the rest follows it."""

import asyncio

import psutil

from tests.support.proof import evidence
from tests.support.proof.campaign import Campaign

STRIKES = 3
WAL_WRITER = "select pid from pg_stat_activity where backend_type = 'walwriter'"


async def test_postgres_crashes_and_recovers(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for _ in range(STRIKES):
            await load.acknowledges(200)
            await nobody_writes_for_others(campaign)
            await load.acknowledges(50)
            await campaign.kill_and_start_again("postgres")
            await campaign.thaw("notifications")
    await campaign.everything_holds()


async def nobody_writes_for_others(campaign: Campaign) -> None:
    """What an append itself does not write to disk stays in memory: else luck would save it, several times a second."""
    await campaign.freeze("notifications")
    psutil.Process(await evidence.value(campaign.stack.postgres.dsn(), WAL_WRITER)).suspend()


async def test_nats_is_killed_while_commands_go_on(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for _ in range(STRIKES):
            await load.acknowledges(100)
            await campaign.kill("nats")
            await load.acknowledges(100)
            await campaign.start_again("nats")
    await campaign.everything_holds()


async def test_nats_is_frozen_and_goes_on(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for _ in range(2):
            await load.acknowledges(100)
            await asyncio.to_thread(campaign.stack.nats.freeze)
            await load.acknowledges(300)
            await asyncio.to_thread(campaign.stack.nats.thaw)
    await campaign.everything_holds()


async def test_nats_is_killed_and_its_storage_lost(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for _ in range(2):
            await load.acknowledges(100)
            await campaign.wipe_nats()
            await load.acknowledges(100)
            await campaign.start_again("nats")
    await campaign.everything_holds()


async def test_the_stream_is_deleted_while_it_is_used(campaign: Campaign) -> None:
    async with campaign.under_load() as load:
        for _ in range(2):
            await load.acknowledges(150)
            await evidence.delete_stream(campaign.stack)
    await campaign.everything_holds()


async def test_both_servers_and_all_services_crash_at_once(campaign: Campaign) -> None:
    everything = ("postgres", "nats", "projects", "timeline", "notifications")
    async with campaign.under_load() as load:
        for _ in range(2):
            await load.acknowledges(200)
            await campaign.kill_and_start_again(*everything)
    await campaign.everything_holds()

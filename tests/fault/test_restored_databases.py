"""Each database is lost and comes back from an older backup; of the log, an operator decides that it is right."""

import asyncio
from pathlib import Path

import httpx2

from deploy.local.stack import Stack
from tests.support.backups import back_up, restore
from tests.support.eventually import eventually
from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.ledger import Ledger


async def test_timeline_comes_back_from_an_older_backup(campaign: Campaign, tmp_path: Path) -> None:
    await _goes_on_from_an_older_backup(campaign, "timeline", tmp_path / "timeline.dump")


async def test_notifications_comes_back_from_an_older_backup(campaign: Campaign, tmp_path: Path) -> None:
    """It tells again what it told since; nobody is shown anything twice."""
    await _goes_on_from_an_older_backup(campaign, "notifications", tmp_path / "notifications.dump")


async def _goes_on_from_an_older_backup(campaign: Campaign, service: str, file: Path) -> None:
    async with campaign.under_load() as load:
        await load.acknowledges(150)
        await back_up(campaign.stack, service, file)
        await load.acknowledges(150)
        await restore(campaign.stack, service, file)
        await load.acknowledges(50)
    await campaign.everything_holds()


async def test_the_log_comes_back_from_an_older_backup_and_is_adopted(
    campaign: Campaign, tmp_path: Path
) -> None:
    stack, file = campaign.stack, tmp_path / "projects.dump"
    async with campaign.under_load() as load:
        await load.acknowledges(150)
    await invariants.converged(stack)
    kept = await evidence.head(stack)
    await back_up(stack, "projects", file)
    async with campaign.under_load() as load:
        await load.acknowledges(150)
    lost = await invariants.converged(stack) - kept
    await restore(stack, "projects", file)
    _forget_what_was_lost(campaign.ledger, kept)

    async with campaign.under_load() as load:
        await load.acknowledges(lost + 150)  # further than anybody had come in the log that was lost
        await _is_said_to_have_parted(stack)
    assert await _answers(stack, "projects", "adopt-log", "--reason=Restored", "--yes") == 0
    assert await _answers(stack, "notifications", "adopt-log", f"--position={kept}") == 0
    assert await _answers(stack, "timeline", "adopt-log") == 0
    await _forget_what_was_heard_of_it(campaign)
    async with campaign.under_load() as load:
        await load.acknowledges(50)
    await campaign.everything_holds()


async def test_a_log_that_nobody_has_parted_from_can_not_be_adopted(campaign: Campaign) -> None:
    await invariants.converged(campaign.stack)
    head = await evidence.head(campaign.stack)
    assert await _answers(campaign.stack, "projects", "adopt-log", "--reason=Why not", "--yes") == 1
    await campaign.everything_holds()
    assert await evidence.head(campaign.stack) == head


async def _is_said_to_have_parted(stack: Stack) -> None:
    """Operators see that nothing is relayed, while commands go on."""
    port = stack.processes["projects"].environment["MILEPOST_METRICS_PORT"]

    async def is_refused() -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        assert "\nmilepost_relay_refused 1.0\n" in metrics

    await eventually(is_refused, 30, every=0.2)


async def _answers(stack: Stack, service: str, *arguments: str) -> int:
    """The exit code of an operator's command."""
    return await asyncio.to_thread(stack.call, service, *arguments)


async def _forget_what_was_heard_of_it(campaign: Campaign) -> None:
    """Whoever owns a webhook has heard of lost events, and no log can take that back."""
    known = {event["event_id"] for event in await evidence.log(campaign.stack)}
    campaign.receiver.receipts = [each for each in campaign.receiver.receipts if each.webhook_id in known]


def _forget_what_was_lost(ledger: Ledger, kept: int) -> None:
    """Clients were told of these commands, and nobody can keep that promise any more."""
    for key, entry in list(ledger.entries.items()):
        if any(told.position is not None and told.position > kept for told in entry.answers):
            del ledger.entries[key]

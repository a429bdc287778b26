"""Each database is lost and comes back from an older backup; of the log, an operator decides that it is right."""

import asyncio
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import httpx2
import pytest

from deploy.local.stack import Stack
from tests.support.backups import back_up, restore
from tests.support.eventually import eventually
from tests.support.proof import evidence, invariants
from tests.support.proof.campaign import Campaign
from tests.support.proof.ledger import Ledger
from tests.support.proof.poison import decide, poison_a_project, poison_a_right, until_parked


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


@pytest.mark.parametrize("order", [("notifications", "timeline"), ("timeline", "notifications")])
async def test_the_log_comes_back_from_an_older_backup_and_is_adopted(
    campaign: Campaign, tmp_path: Path, capfd: pytest.CaptureFixture[str], order: tuple[str, str]
) -> None:
    """While a project and somebody's rights are parked; projects first, the others in either order."""
    stack, file = campaign.stack, tmp_path / "projects.dump"
    # The organization without a webhook: what is parked is told later, and not in the order of positions.
    place = campaign.world.neighbors(campaign.world.places[-1])[order.index("timeline")]
    async with campaign.under_load() as load:
        await load.acknowledges(100)
        parked = [await poison_a_project(campaign, place), await poison_a_right(campaign, place)]
        await _are_parked(campaign, parked)
        await load.acknowledges(50)
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
    await _refuse_before_projects(stack, kept, order, capfd)
    assert await _answers(stack, "projects", "adopt-log", "--reason=Restored", "--yes") == 0
    told = capfd.readouterr().out
    for service in order:
        assert f"python -m services.{service} {' '.join(_adopting(service, kept))}\n" in told
    assert await _answers(stack, "notifications", *_adopting("notifications", kept + lost)) == 1
    assert "give an earlier position" in capfd.readouterr().err
    for service in order:
        assert await _answers(stack, service, *_adopting(service, kept)) == 0
    await _forget_what_was_heard_of_it(campaign)
    async with campaign.under_load() as load:
        await load.acknowledges(50)

    await _are_parked(campaign, parked)
    await _are_skipped(campaign, parked)
    await campaign.everything_holds()


async def test_a_log_that_nobody_has_parted_from_can_not_be_adopted(campaign: Campaign) -> None:
    await invariants.converged(campaign.stack)
    head = await evidence.head(campaign.stack)
    assert await _answers(campaign.stack, "projects", "adopt-log", "--reason=Why not", "--yes") == 1
    await campaign.everything_holds()
    assert await evidence.head(campaign.stack) == head


async def _are_parked(campaign: Campaign, sequences: Iterable[str]) -> None:
    for service, sequence in product(("timeline", "notifications"), sequences):
        await until_parked(campaign, service, sequence)


async def _are_skipped(campaign: Campaign, sequences: Iterable[str]) -> None:
    """timeline starts over, so it also tries again, and parks, what was skipped there the time before."""
    await invariants.converged(campaign.stack)
    report = await invariants.all_is_made_of_the_log(campaign.stack)
    parked = {(row["consumer"], row["sequence"]) for row in report.parked}
    assert parked >= set(product(("timeline", "notifications"), sequences))
    for row in report.parked:
        await decide(campaign, row["consumer"], "skip", row["org_id"], row["sequence"])


async def _refuse_before_projects(
    stack: Stack, kept: int, order: Iterable[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for service in order:
        assert await _answers(stack, service, *_adopting(service, kept)) == 1
        assert "python -m services.projects adopt-log" in capfd.readouterr().err


def _adopting(service: str, kept: int) -> tuple[str, ...]:
    return ("adopt-log", "--position", str(kept)) if service == "notifications" else ("adopt-log",)


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

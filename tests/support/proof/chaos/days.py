"""Bad days: a system under load, struck again and again from a seed, with people who listen; and then the account."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from tests.support.eventually import eventually
from tests.support.proof.campaign import Campaign, campaign
from tests.support.proof.chaos.fault import Ground
from tests.support.proof.chaos.footprint import footprints, nothing_leaked
from tests.support.proof.chaos.forms import Form
from tests.support.proof.chaos.links import RECEIVERS, linked_stack
from tests.support.proof.chaos.listening import everybody_has_heard_all, readers
from tests.support.proof.chaos.nuisances import bother
from tests.support.proof.chaos.planning import planned
from tests.support.proof.chaos.reporting import Report
from tests.support.proof.chaos.striking import Striking
from tests.support.proof.load import Load
from tests.support.proof.proxy import Proxy

# Retries of webhooks are hours apart; what was not taken is due when this has passed.
RETRIES_SECONDS = 13 * 3_600
# Nothing overtakes what a receiver would not take: so the order can be checked in which it took things.
STRICT_ORDER = {"MILEPOST_WEBHOOKS_BLOCK_SECONDS": "604800"}


async def bad_days(form: Form, seed: int) -> Report:
    """All of it; raises AssertionError where anything does not hold, after telling how to do it again."""
    chance = Random(seed)
    report = Report(f"bad-days-{form.name}", seed)
    async with _ground(form, chance) as ground:
        striking = Striking(ground, Random(chance.random()), report.timeline)
        try:
            await _endured(form, striking, chance, report)
        except BaseException:
            report.tell_how_to_repeat(ground.stack.whereabouts.logs)
            raise
    report.of_kinds(form, striking.struck, ground.nuisances)
    report.tell()
    return report


@asynccontextmanager
async def _ground(form: Form, chance: Random) -> AsyncIterator[Ground]:
    async with (
        linked_stack(chance, STRICT_ORDER) as stack,
        campaign(stack, Random(chance.random()), form.organizations, form.projects) as begun,
        Proxy(begun.receiver.port, Random(chance.random())).serving() as receivers,
    ):
        stack.links[RECEIVERS] = receivers
        await _hook(begun, form.hooks, receivers.port)
        yield Ground(begun, stack)


async def _hook(begun: Campaign, count: int, port: int) -> None:
    """Webhooks of every organization, through the link that can be broken; one is there already."""
    organizations = begun.world.organizations
    for number in range(1, count):
        path = f"/hooks/{number}"
        url = f"http://127.0.0.1:{port}{path}"
        await begun.hook(organizations[number % len(organizations)], path, url)


async def _endured(form: Form, striking: Striking, chance: Random, report: Report) -> None:
    ground = striking.ground
    begun = ground.campaign
    plan = planned(form.faults, Random(report.seed))
    before = await footprints(ground.stack)
    async with readers(begun, form.readers) as reading:
        started, acknowledged_before = time.monotonic(), begun.ledger.acknowledged
        async with begun.under_load(form.commands_per_second) as load:
            bothering = bother(ground, Random(chance.random()), form.nuisances_min, form.seconds)
            await asyncio.gather(striking.run(plan, form.every_seconds), bothering)
            await _enough(load, acknowledged_before + form.commands_min, form.seconds)
        report.of_commands(begun.ledger, time.monotonic() - started)
        await _calm(ground)
        converging = time.monotonic()
        report.counts["seconds until nobody was behind"] = round(await begun.everything_holds(), 1)
        report.counts["seconds until everything held"] = round(time.monotonic() - converging, 1)
        report.counts["events heard by readers"] = await everybody_has_heard_all(ground.stack, reading)
        report.counts["readers"] = len(reading)
        report.counts["requests at receivers"] = len(begun.receiver.receipts)
    await nothing_leaked(ground.stack, before)


async def _enough(load: Load, goal: int, seconds: float) -> None:
    """The load goes on until as much was acknowledged as the campaign is about."""

    def is_reached() -> None:
        ledger = load.sender.ledger
        assert ledger.acknowledged >= goal, f"{ledger.acknowledged} of {goal}: {ledger.summary()}"

    await eventually(is_reached, seconds, every=0.5)


async def _calm(ground: Ground) -> None:
    """Receivers answer as they should, and time passes until everything that they did not take is due again."""
    ground.campaign.receiver.answers.clear()
    ground.campaign.let_time_pass(RETRIES_SECONDS)
    await ground.campaign.kill_and_start_again("notifications")

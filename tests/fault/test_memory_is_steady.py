"""Under load that goes on and on, with readers as browsers are, no process needs more and more memory."""

from random import Random

from tests.support.proof.campaign import campaign
from tests.support.proof.chaos import forms
from tests.support.proof.chaos.footprint import footprints, nothing_leaked
from tests.support.proof.chaos.listening import everybody_has_heard_all, readers
from tests.support.proof.chaos.reporting import Report
from tests.support.proof.chaos.steadiness import watched
from tests.support.stacks import running_stack


async def test_under_steady_load_no_process_grows() -> None:
    form, seed = forms.chosen(), forms.seed()
    report = Report(f"steadiness-{form.name}", seed)
    with running_stack() as stack:
        async with campaign(stack, Random(seed), form.organizations, form.projects) as begun:
            before = await footprints(stack)
            async with readers(begun, form.readers) as reading:
                async with begun.under_load(form.commands_per_second):
                    memories = await watched(stack, form.steady_seconds)
                await everybody_has_heard_all(stack, reading)
            await begun.everything_holds()
            await nothing_leaked(stack, before)
    report.counts["commands acknowledged"] = begun.ledger.acknowledged
    for service, memory in memories.items():
        report.counts[f"{service}, MiB"] = round(memory.resident[-1] / 2**20, 1)
        report.counts[f"{service}, % in ten minutes"] = round(memory.percent_in_ten_minutes, 2)
    report.tell()
    growing = {service: memory.percent_in_ten_minutes for service, memory in memories.items()}
    assert max(growing.values()) <= form.growth_percent_max, report.table()

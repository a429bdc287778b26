"""Restarts at any instant lose nothing: a pull that is lost in one of 500 restarts shows only in a few hundred."""

from random import Random

from tests.support.proof.campaign import Campaign
from tests.support.proof.chaos import forms
from tests.support.proof.chaos.reporting import Report
from tests.support.proof.restarting import EVENTS, Restarting


async def test_whatever_restarts_while_events_are_on_their_way_all_of_them_arrive(campaign: Campaign) -> None:
    form, seed = forms.chosen(), forms.seed()
    report = Report(f"restarts-{form.name}", seed)
    restarting = Restarting(campaign, Random(seed))
    try:
        await restarting.run(form.restarts)
        await campaign.everything_holds()
    except BaseException:
        report.tell_how_to_repeat(campaign.stack.whereabouts.logs)
        raise
    report.counts["events on their way at each restart"] = EVENTS
    report.faults = restarting.restarts
    report.tell()

"""Eleven bad minutes (`ROUND=soak`: a bad hour): every kind of fault, a few at a time, and not one promise broken."""

from tests.support.proof.chaos import forms
from tests.support.proof.chaos.days import bad_days


async def test_whatever_strikes_everything_holds_afterwards() -> None:
    form = forms.chosen()
    report = await bad_days(form, forms.seed())
    assert sum(report.faults.values()) >= form.faults
    assert sum(report.nuisances.values()) >= form.nuisances_min
    assert not report.too_few
    assert report.counts["commands acknowledged"] >= form.commands_min

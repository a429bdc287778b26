"""The plan of the bad days: every kind of fault in its share, and the same again from the same seed."""

from collections import Counter
from random import Random

from tests.support.proof.chaos import forms
from tests.support.proof.chaos.planning import SHARES, planned


def test_the_long_campaign_has_every_kind_in_its_share_and_no_member_much_more_often_than_another() -> None:
    counts = Counter(fault.name for fault in planned(forms.LONG.faults, Random(1)))
    assert counts.total() == forms.LONG.faults >= sum(share for _, share in SHARES)
    for kinds, share in SHARES:
        of_kind = [counts[fault.name] for fault in kinds]
        assert sum(of_kind) >= share
        assert max(of_kind) - min(of_kind) <= 1


def test_the_soak_has_more_than_five_times_as_much_of_everything() -> None:
    counts = Counter(fault.name for fault in planned(forms.SOAK.faults, Random(1)))
    assert counts.total() == forms.SOAK.faults >= 800
    assert all(sum(counts[fault.name] for fault in kinds) >= 5 * share for kinds, share in SHARES)


def test_the_same_seed_is_the_same_plan() -> None:
    plans = [[fault.name for fault in planned(165, Random(seed))] for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]

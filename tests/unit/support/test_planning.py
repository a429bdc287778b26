"""The plan of the bad days: every kind of fault in its share, and the same again from the same seed."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.support.proof.chaos import forms, reporting
from tests.support.proof.chaos.forms import Form
from tests.support.proof.chaos.planning import KINDS, WHOLE, Kind, planned
from tests.support.proof.chaos.reporting import Report


def counted(form: Form, seed: int = 1) -> Counter[str]:
    return Counter(fault.name for fault in planned(form.faults, Random(seed)))


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(KINDS, id="all"),
        pytest.param([kind for kind in KINDS if kind.name != "a disk is full"], id="nobody may mount a disk"),
    ],
)
def test_the_long_campaign_has_every_kind_in_its_share_and_no_member_much_more_often_than_another(
    kinds: Sequence[Kind],
) -> None:
    counts = Counter(fault.name for fault in planned(forms.LONG.faults, Random(1), kinds))
    assert counts.total() == forms.LONG.faults >= WHOLE
    for kind in kinds:
        of_kind = [counts[fault.name] for fault in kind.faults]
        assert sum(of_kind) >= kind.planned
        assert max(of_kind) - min(of_kind) <= 1


@pytest.mark.parametrize("form", [forms.LONG, forms.SOAK], ids=["eleven minutes", "an hour"])
def test_what_is_planned_is_enough_of_every_kind(form: Form) -> None:
    report = Report("planned", 1)
    messages = {"messages told again": form.messages_min, "a receiver says nothing": form.receivers_min}
    report.of_kinds(form, counted(form), messages)
    assert not report.too_few
    assert sum(enough for _, enough in report.kinds.values()) >= (100 if form is forms.LONG else 600)
    assert counted(form).total() == form.faults


def test_a_kind_of_which_there_were_too_few_is_named() -> None:
    faults = counted(forms.LONG)
    del faults["nats is killed"]
    report = Report("planned", 1)
    report.of_kinds(forms.LONG, faults, {"messages told again": 60, "a receiver says nothing": 39})
    assert report.too_few == {"nats is killed": (0, 12), "bad receivers": (39, 40)}
    assert "nats is killed, of 12 that are enough" in report.table()


def test_a_campaign_that_failed_keeps_the_logs_of_what_it_struck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporting, "FOLDER", tmp_path)
    logs = tmp_path / "run/logs"
    for name in ("timeline.log", "projects.log"):
        logs.mkdir(parents=True, exist_ok=True)
        (logs / name).write_text(name)
        Report("planned", 7, timeline=["begins  nats is killed"]).tell_how_to_repeat(logs)
        shutil.rmtree(logs)
    assert [each.name for each in (tmp_path / "planned-logs").iterdir()] == ["projects.log"]
    said = capsys.readouterr().out
    assert all(each in said for each in ("FAULT_SEED=7", "planned-logs", "nats is killed"))


def test_the_same_seed_is_the_same_plan() -> None:
    plans = [[fault.name for fault in planned(165, Random(seed))] for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]

"""A slice of the campaign on every run, and every seed that ever failed; `make simulate` runs thousands."""

from dataclasses import dataclass

import pytest

from tests.simulation import campaign
from tests.simulation.simulating import simulate

SLICE = 150


@dataclass(frozen=True, slots=True)
class Found:
    """What a seed found, and the constant that mends it, with its value `before`: then the seed finds it again."""

    what: str
    mended: str
    before: object


# The world of a seed becomes another one whenever faults do: then look for a seed that finds it again.
ONCE_FAILED = {
    41: Found(
        "the last message to a consumer was lost, and silence looked healthy until the next event",
        "libs.events.subscription.LOOK_SECONDS",
        float("inf"),
    ),
}


def test_everything_holds_whatever_befalls_the_system() -> None:
    report = campaign.run(range(SLICE))

    assert report.failures == [], str(report)
    assert sum(outcome.events for outcome in report.outcomes) >= SLICE * 200
    assert min(len(outcome.faults) for outcome in report.outcomes) >= 10


@pytest.mark.parametrize("seed", ONCE_FAILED)
def test_what_once_failed_holds(seed: int) -> None:
    assert simulate(seed).failure is None, ONCE_FAILED[seed].what


@pytest.mark.parametrize("seed", ONCE_FAILED)
def test_what_once_failed_fails_without_its_mend(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ONCE_FAILED[seed]
    monkeypatch.setattr(found.mended, found.before)

    assert simulate(seed).failure is not None, found.what


def test_a_seed_is_the_same_world_in_every_process() -> None:
    seeds = range(3)

    assert campaign.run(seeds, 1).outcomes == campaign.run(seeds, 1).outcomes

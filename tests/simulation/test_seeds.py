"""A slice of the campaign on every run, and every seed that ever failed; `make simulate` runs thousands."""

import pytest

from tests.simulation import campaign
from tests.simulation.simulating import simulate

SLICE = 150
# What these seeds found, when they found it.
ONCE_FAILED = {
    106: "the last message to a consumer was lost, and silence looked healthy until the next event",
}


def test_everything_holds_whatever_befalls_the_system() -> None:
    report = campaign.run(range(SLICE))

    assert report.failures == [], str(report)
    assert sum(outcome.events for outcome in report.outcomes) >= SLICE * 200
    assert min(len(outcome.faults) for outcome in report.outcomes) >= 10


@pytest.mark.parametrize("seed", ONCE_FAILED)
def test_what_once_failed_holds(seed: int) -> None:
    assert simulate(seed).failure is None, ONCE_FAILED[seed]


def test_a_seed_is_the_same_world_in_every_process() -> None:
    seeds = range(3)

    assert campaign.run(seeds, 1).outcomes == campaign.run(seeds, 1).outcomes

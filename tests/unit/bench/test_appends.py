"""Whoever takes part in the contest of appends can be started, and what they wrote is counted."""

from tests.bench.appending.contest import CONTESTANTS, contestant
from tests.bench.appends import CONTESTANTS as TITLES
from tests.bench.appends import COUNTS, PEERS


def test_every_contestant_has_a_title_and_a_count_and_can_be_started() -> None:
    assert set(TITLES) == set(COUNTS) == set(CONTESTANTS)
    assert all(callable(contestant(name)) for name in CONTESTANTS)
    assert set(PEERS) < set(CONTESTANTS)

"""Bytes of others, at every door of ours: what was once found, and what is worth trying first."""

import pytest

from tests.support.any_bytes.doors import DOORS
from tests.support.any_bytes.seeds import HERE, seeds_of


@pytest.mark.parametrize("door", DOORS)
def test_no_seed_breaks_a_door(door: str) -> None:
    seeds = seeds_of(door)
    assert seeds != []
    for content in seeds:
        DOORS[door](content)


def test_every_seed_is_for_a_door_there_is() -> None:
    assert {path.stem for path in HERE.iterdir()} == set(DOORS)

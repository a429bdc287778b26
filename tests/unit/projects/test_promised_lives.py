"""Whatever is wished of all aggregates in whatever order, they decide as was promised."""

import pytest

from tests.support.promised.deciding import InMemory
from tests.support.promised.machines import EVERY_COMMAND, Deciding, keeps_promises
from tests.support.rounds import examples

pytestmark = pytest.mark.hypothesis
RUNS = examples(short=40, long=1_800)
# So short a round does not get everywhere; a longer one must.
COMMANDS_UNTRIED_MAX = examples(short=5, long=0)


class DecidingInMemory(Deciding):
    begin = InMemory


def test_aggregates_decide_as_was_promised() -> None:
    keeps_promises(DecidingInMemory, RUNS)
    assert len(EVERY_COMMAND - DecidingInMemory.accepted) <= COMMANDS_UNTRIED_MAX

"""A system of its own for each file of faults, under one ledger that accounts for every event in it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.support.proof.campaign import Campaign
from tests.support.proof.campaign import campaign as begun
from tests.support.stacks import running_stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Clients here hang up while they connect: their library leaves the socket to the garbage collector."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """PostgreSQL, NATS and the three services as `make run` starts them; the tests of the file may break them."""
    with running_stack() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def campaign(stack: Stack) -> AsyncIterator[Campaign]:
    """Clients, people who listen, and the ledger of everything asked since the system started."""
    async with begun(stack) as running:
        yield running

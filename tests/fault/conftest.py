"""A system of its own for each file of faults, under one ledger that accounts for every event in it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.support.proof.campaign import Campaign
from tests.support.proof.campaign import campaign as begun
from tests.support.small_disks import may_mount
from tests.support.stacks import running_stack

FULL_DISKS = "test_full_disks.py"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """A disk that can be filled must be mounted, as root."""
    return True if collection_path.name == FULL_DISKS and not may_mount() else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not may_mount():
        terminalreporter.write_line(f"NOT STRUCK: {FULL_DISKS}, as disks may be mounted by root alone")


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

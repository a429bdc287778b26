"""The system as processes, and two organizations that live in it. Nobody may break it: all tests here share it."""

from collections.abc import Iterator

import pytest

from deploy.local.stack import Stack
from tests.security.operations import Operation, documents_of, operations
from tests.security.organizations import Organization, settled
from tests.support.stacks import running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    # Roles come from the log alone, and nobody is slowed down or turned away.
    told = {
        "MILEPOST_GRANTS_IN_TOKENS": "false",
        "MILEPOST_PERSON_REQUESTS_PER_SECOND_MAX": "10000",
        "MILEPOST_ORGANIZATION_REQUESTS_PER_SECOND_MAX": "10000",
        "MILEPOST_ADDRESS_REQUESTS_PER_SECOND_MAX": "10000",
        "MILEPOST_POOL_WAIT_SECONDS_MAX": "10",
        "MILEPOST_WEBHOOKS_ENDPOINTS_MAX": "1000",
    }
    with running_stack(told) as running:
        yield running


@pytest.fixture(scope="session")
def ours(stack: Stack) -> Iterator[Organization]:
    """The organization of those who try."""
    with settled(stack, "canary-ours") as organization:
        yield organization


@pytest.fixture(scope="session")
def theirs(stack: Stack) -> Iterator[Organization]:
    """The organization whose things nobody of ours may see."""
    with settled(stack, "canary-theirs") as organization:
        yield organization


@pytest.fixture(scope="session")
def every_operation(ours: Organization) -> list[Operation]:
    return list(operations(documents_of(ours.owner)))

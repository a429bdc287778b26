"""The whole system, started once for all end-to-end tests as `make run` starts it."""

from collections.abc import Iterator

import pytest

from deploy.local.stack import Stack
from tests.support.stacks import running_stack


@pytest.fixture(scope="session")
def end_to_end() -> Iterator[Stack]:
    """The three services as processes, with a PostgreSQL and a NATS of their own. Do not break it: others use it."""
    with running_stack() as stack:
        yield stack

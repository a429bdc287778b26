"""The running system for programs that know it only by its API documents, with nobody to share it with."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.clients import generating
from tests.support import node
from tests.support.stacks import running_stack

# Who tries everything in a minute is faster than anybody is allowed to be.
UNLIMITED = {
    f"MILEPOST_{asker}_REQUESTS_PER_SECOND_MAX": "10000" for asker in ("ORGANIZATION", "PERSON", "ADDRESS")
}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The three services as processes, with rate limits out of the way."""
    with running_stack(UNLIMITED) as running:
        yield running


@pytest.fixture(scope="session")
def told(stack: Stack) -> dict[str, str]:
    """What a client's program needs to know: where the services are, and a token."""
    token = stack.whereabouts.token(org_id=uuid4(), actor=uuid4(), org_role="owner")
    urls = {f"MILEPOST_{name.upper()}_URL": stack.url(name) for name in generating.SERVICES}
    return {**urls, "MILEPOST_TOKEN": token}


@pytest.fixture(scope="session")
def typescript() -> Path:
    """Both TypeScript programs, compiled against what both generators made of the documents."""
    place = generating.typescript_package()
    for service in generating.SERVICES:
        generating.typescript_types(place, service)
        generating.typescript_client(place, service)
    compiler = place / "node_modules/typescript/bin/tsc"
    generating.said([node.NODE, compiler, "--project", "."], place, node.environment())
    return place


@pytest.fixture(scope="session")
def python_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Python packages of all services."""
    place = tmp_path_factory.mktemp("python-clients")
    for service in generating.SERVICES:
        generating.python_client(place, service)
    return place

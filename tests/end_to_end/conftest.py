"""The whole system, started once for all end-to-end tests as `make run` starts it, and people who use it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.end_to_end.histories import Files, Imported, imported_into
from tests.end_to_end.people import Person, somebody
from tests.end_to_end.surfaces import Surface, surfaces_of
from tests.support.spans import Collector, collecting
from tests.support.stacks import running_stack

# A web page that may use the services.
ALLOWED_ORIGIN = "https://app.example.com"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A run without the whole data does not look like one with it."""
    terminalreporter.write_line(f"known answers: from the {Files.at_hand().describe()}")


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What the services export as OpenTelemetry spans."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def end_to_end(collector: Collector) -> Iterator[Stack]:
    """The three services as processes, with a PostgreSQL and a NATS of their own. Do not break it: others use it."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    settings["MILEPOST_CORS_ORIGINS"] = f'["{ALLOWED_ORIGIN}"]'
    with running_stack(settings) as stack:
        yield stack


@pytest_asyncio.fixture
async def owner(end_to_end: Stack) -> AsyncIterator[Person]:
    """The owner of an organization nobody else is in."""
    async with somebody(end_to_end) as person:
        yield person


@pytest.fixture(scope="session")
def imported(end_to_end: Stack) -> Imported:
    """The real histories, imported once into an organization of their own."""
    return imported_into(end_to_end)


@pytest_asyncio.fixture(scope="session")
async def surfaces(end_to_end: Stack) -> AsyncIterator[dict[str, Surface]]:
    """The HTTP side of every service, to the owner of a milestone and a subscription."""
    async with somebody(end_to_end) as person:
        yield await surfaces_of(person)


@pytest.fixture
def surface(surfaces: dict[str, Surface], request: pytest.FixtureRequest) -> Surface:
    """The service a test is parametrized with."""
    return surfaces[request.param]

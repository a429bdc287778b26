"""A system whose services are of two versions: that of this repository, and one that stands somewhere else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.stack import Stack
from tests.support.proof.campaign import Campaign
from tests.support.proof.replicas import Replica, second
from tests.support.servers import temporary_run
from tests.support.stacks import for_tests, started


@dataclass
class VersionedStack(Stack):
    """`are_newer` are the services whose next process is of the program in the directory `newer`."""

    newer: Path = Path()
    are_newer: set[str] = field(default_factory=set)

    def settings(self, service: str, *, administrator: bool = False) -> dict[str, str]:
        settings = super().settings(service, administrator=administrator)
        if service in self.are_newer:
            # Else Python would look first where it was started.
            settings |= {"PYTHONPATH": str(self.newer), "PYTHONSAFEPATH": "1"}
        return settings

    async def deploy(self, service: str, *, newer: bool) -> None:
        """Stop it politely, and start it in that version; return when it is ready."""
        (self.are_newer.add if newer else self.are_newer.discard)(service)
        await asyncio.to_thread(self.restart, service)

    @asynccontextmanager
    async def newer_replica(self, campaign: Campaign, service: str) -> AsyncIterator[Replica]:
        """A second process of a service, of the newer program, beside the system's own."""
        self.are_newer.add(service)
        async with second(campaign, service) as replica:
            self.are_newer.discard(service)
            yield replica

    async def is_verified(self) -> None:
        """Raise AssertionError unless the newer checker, which knows every event, finds that all say one thing."""
        self.are_newer.add("projects")
        assert await asyncio.to_thread(self.call, "projects", "verify") == 0


@contextmanager
def versioned_stack(newer: Path) -> Iterator[VersionedStack]:
    """All of it as this repository has it, ready; gone afterwards."""
    with temporary_run("stack") as directory:
        stack = VersionedStack(directory / "run", extra_settings=for_tests(directory), newer=newer)
        with started(stack):
            yield stack

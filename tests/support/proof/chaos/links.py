"""The system with a proxy on every link, so that each one can be broken by itself: services, servers, receivers."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from deploy.local.ports import LOOPBACK
from deploy.local.programs import SERVICES
from deploy.local.stack import Stack
from tests.support.proof.chaos.retelling import Mischief
from tests.support.proof.proxy import Proxy
from tests.support.servers import temporary_run
from tests.support.small_disks import SmallDisk, small_disks
from tests.support.stacks import for_tests, shown_when_it_fails

SERVERS = ("postgres", "nats")
CONSUMERS = ("timeline", "notifications")
RECEIVERS = "notifications → receivers"


@dataclass
class LinkedStack(Stack):
    """A stack whose services reach servers, and projects, through `links`, named such as `timeline → nats`."""

    links: dict[str, Proxy] = field(default_factory=dict)
    mischief: dict[str, Mischief] = field(default_factory=dict)
    """How consumers are told of the stream, by service."""
    disks: Mapping[str, SmallDisk] = field(default_factory=dict)
    """Of the servers, by name; none where nobody may mount them."""

    def lay_links(self, chance: Random) -> None:
        """Once the ports are known, and before any service starts."""
        for service in SERVICES:
            for beyond in (*SERVERS, *({"projects"} - {service})):
                port = self.whereabouts.addresses.ports[beyond]
                self.links[f"{service} → {beyond}"] = Proxy(port, Random(chance.random()))
        for service in CONSUMERS:
            self.mischief[service] = Mischief(Random(chance.random()))
            self.links[f"{service} → nats"].retelling = self.mischief[service].retelling

    def settings(self, service: str, *, administrator: bool = False) -> dict[str, str]:
        settings = super().settings(service, administrator=administrator)
        if administrator:
            return settings
        own = {name: link for name, link in self.links.items() if name.startswith(f"{service} → ")}
        for link in own.values():
            direct = re.compile(rf"{re.escape(LOOPBACK)}:{link.port_beyond}\b")
            settings = {
                name: direct.sub(f"{LOOPBACK}:{link.port}", value) for name, value in settings.items()
            }
        return settings


@asynccontextmanager
async def linked_stack(
    chance: Random, extra_settings: Mapping[str, str] | None = None
) -> AsyncIterator[LinkedStack]:
    """PostgreSQL, NATS and the three services, ready, in fine weather; all of it gone afterwards."""
    with temporary_run("stack") as directory, small_disks(directory / "run") as disks:
        settings = for_tests(directory, extra_settings)
        stack = LinkedStack(directory / "run", extra_settings=settings, disks=disks)
        async with AsyncExitStack() as serving:
            with shown_when_it_fails():
                try:
                    await asyncio.to_thread(stack.acquire)
                    stack.lay_links(chance)
                    for link in stack.links.values():
                        await serving.enter_async_context(link.serving())
                    for step in stack.steps():
                        await asyncio.to_thread(step.action)
                    yield stack
                finally:
                    await asyncio.to_thread(stack.stop)

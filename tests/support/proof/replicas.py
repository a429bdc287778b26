"""Two processes of a service side by side, and which of them leads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2

from deploy.local.processes import ChildProcess
from tests.support.eventually import eventually
from tests.support.proof.campaign import Campaign

TAKES_OVER_SECONDS_MAX = 40


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of projects and where it answers."""

    name: str
    process: ChildProcess
    url: str

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.process.environment['MILEPOST_METRICS_PORT']}/metrics"


@dataclass
class Replicas:
    """All processes of projects; clients use every one of them."""

    campaign: Campaign
    all: tuple[Replica, ...]

    async def leader(self, *, but: Replica | None = None) -> Replica:
        """The one that relays, once there is one (other than `but`, which may not be able to answer)."""

        async def somebody_leads() -> Replica:
            leading = [each for each in self.all if each is not but and await relays(each)]
            assert leading, "nobody relays"
            return leading[0]

        return await eventually(somebody_leads, TAKES_OVER_SECONDS_MAX, every=0.2)

    async def freeze(self, replica: Replica) -> None:
        """Stop its clock; what lies in it unanswered may still be done when it wakes up."""
        self.campaign.sender.frozen.add(replica.url)
        await self.campaign.freeze(replica.name)

    async def thaw(self, replica: Replica) -> None:
        await self.campaign.thaw(replica.name)
        self.campaign.sender.frozen.discard(replica.url)


async def relays(replica: Replica) -> bool:
    """Whether it says of itself that it leads; one that does not answer does not lead."""
    async with httpx2.AsyncClient(trust_env=False, timeout=1) as client:
        try:
            text = (await client.get(replica.metrics_url)).text
        except httpx2.TransportError:
            return False
    return "\nmilepost_relay_leading 1.0\n" in text


@asynccontextmanager
async def second(campaign: Campaign, service: str) -> AsyncIterator[Replica]:
    """A second process of a service beside the system's own, as long as the block lasts."""
    stack = campaign.stack
    process, url = await asyncio.to_thread(stack.start_replica, service)
    name = next(name for name, each in stack.processes.items() if each is process)
    try:
        yield Replica(name, process, url)
    finally:
        await asyncio.to_thread(process.stop)
        del stack.processes[name]


@asynccontextmanager
async def two_replicas(campaign: Campaign) -> AsyncIterator[Replicas]:
    """Two processes of projects; every client uses both."""
    stack = campaign.stack
    own = Replica("projects", stack.processes["projects"], stack.url("projects"))
    async with second(campaign, "projects") as other:
        before, campaign.sender.addresses = campaign.sender.addresses, [own.url, other.url]
        try:
            yield Replicas(campaign, (own, other))
        finally:
            campaign.sender.addresses = before


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who speaks to one process alone, without idempotency keys; every command must be accepted."""

    campaign: Campaign
    url: str

    async def plans(self) -> UUID:
        """A milestone nobody else touches."""
        place = self.campaign.world.places[0]
        wish = {"project_id": str(place.project_id), "name": "Between the two of us"}
        answer = await self._ask("POST", "/v1/milestones", json=wish)
        self.campaign.foreign.add(int(answer.headers["Milepost-Position"]))
        return UUID(answer.json()["milestone_id"])

    async def says(
        self, milestone_id: UUID, verb: str, if_match: int | None = None, **wish: str
    ) -> dict[str, Any]:
        if verb == "reforecast":
            wish.setdefault("reason", "Said without a key.")
        headers = {} if if_match is None else {"If-Match": f'"{if_match}"'}
        answer = await self._ask("POST", f"/v1/milestones/{milestone_id}/{verb}", json=wish, headers=headers)
        self.campaign.foreign.add(int(answer.headers["Milepost-Position"]))
        said: dict[str, Any] = answer.json()
        return said

    async def sees(self, milestone_id: UUID) -> dict[str, Any]:
        seen: dict[str, Any] = (await self._ask("GET", f"/v1/milestones/{milestone_id}")).json()
        return seen

    async def _ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        organization = self.campaign.world.organizations[0]
        token = self.campaign.token(organization.org_id, organization.people[0])
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, f"{self.url}{path}", headers=headers, **options)
        assert answer.is_success, answer.text
        return answer

"""A running system, clients that use it, faults that strike it, and the question whether everything still holds."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx2

from deploy.local.processes import StepFailed, last_lines
from deploy.local.programs import SERVICES
from deploy.local.stack import Stack
from libs.chassis.clock import utc_now
from tests.support.eventually import eventually
from tests.support.notifications.receiver import Receiver, receiving
from tests.support.proof import evidence, invariants
from tests.support.proof.ledger import Ledger
from tests.support.proof.load import Load
from tests.support.proof.sending import Sender
from tests.support.proof.world import ORGANIZATIONS, PROJECTS, Organization, World, made
from tests.support.stacks import move_clock

HOOKS = "/hooks"
# A worker that was killed with an attempt in flight leaves a lease of 60 s: its successor lives a minute later.
LEASE_SECONDS = 61
TOLD_SECONDS_MAX = 60
# Longer than any clock is ahead.
TOKEN_SECONDS = 400 * 86_400


@dataclass
class Campaign:
    """Faults are methods; `under_load` and `everything_holds` frame them."""

    stack: Stack
    receiver: Receiver
    ledger: Ledger = field(default_factory=Ledger)
    world: World = field(default_factory=lambda: World(()))
    chance: Random = field(default_factory=Random)
    struck: set[str] = field(default_factory=set)
    hooks: list[str] = field(default_factory=list)
    """Paths of the receiver at which webhooks arrive."""
    off_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SERVICES, 0.0))
    """By how much the clocks of services are ahead of ours."""
    foreign: set[int] = field(default_factory=set)
    """Positions that no client asked for: a test put events into the log itself."""
    parked: set[UUID] = field(default_factory=set)
    """Projects that had to wait: what they have to tell comes later than what others tell."""

    is_made_of_the_log: Callable[[Stack], Awaitable[object]] = invariants.all_is_made_of_the_log
    """Has the checker compare everything; raises AssertionError. It must know all events."""

    def __post_init__(self) -> None:
        self.sender = Sender([self.stack.url("projects")], self.ledger, self.token, self.chance)
        self.receiver.clock = self._time_of_notifications

    # --- Load ---

    @asynccontextmanager
    async def under_load(self, per_second: float | None = None) -> AsyncIterator[Load]:
        load = Load(self.world, self.sender, chance=self.chance, per_second=per_second)
        async with load.running():
            yield load

    def token(self, org_id: UUID, actor: UUID) -> str:
        return self.stack.whereabouts.token(org_id=org_id, actor=actor, lifetime_seconds=TOKEN_SECONDS)

    # --- Faults ---

    async def kill(self, *names: str) -> None:
        """SIGKILL processes: services, replicas, `nats` or `postgres` (all of it, at once)."""
        for name in names:
            self.struck.add(name)
            await asyncio.to_thread(self.stack.kill, name)

    async def start_again(self, *names: str) -> None:
        """What a supervisor does with a process that has died; nothing is waited for but servers."""
        for name in names:
            if name == "notifications":
                await self._start_notifications_later()
            else:
                await asyncio.to_thread(self.stack.start_again, name)
            self.struck.discard(name)

    async def kill_and_start_again(self, *names: str) -> None:
        await self.kill(*names)
        await self.start_again(*names)

    async def ready(self, *services: str) -> None:
        for service in services:
            try:
                await asyncio.to_thread(self.stack.wait_until_ready, service)
            except StepFailed as failure:
                lines = "\n".join(last_lines(self.stack.processes[service].log, 60))
                raise AssertionError(f"{failure.sentence}\n{lines}") from None

    async def freeze(self, *names: str) -> None:
        """SIGSTOP processes, in the middle of whatever they do."""
        for name in names:
            self.struck.add(name)
            await asyncio.to_thread(self.stack.processes[name].freeze)

    async def thaw(self, *names: str) -> None:
        for name in names:
            await asyncio.to_thread(self.stack.processes[name].thaw)
            self.struck.discard(name)

    async def wipe_nats(self) -> None:
        """The broker dies and its storage is lost."""
        await self.kill("nats")
        await asyncio.to_thread(self.stack.nats.wipe)

    def move_clock(self, service: str, seconds: float) -> None:
        """Forward, or back."""
        self.off_seconds[service] += seconds
        move_clock(self.stack, service, self.off_seconds[service])

    def let_time_pass(self, seconds: float) -> None:
        """For notifications."""
        self.move_clock("notifications", seconds)

    async def _start_notifications_later(self) -> None:
        self.let_time_pass(LEASE_SECONDS)
        await asyncio.to_thread(self.stack.start_service, "notifications", wait=False)

    def _time_of_notifications(self) -> datetime:
        return utc_now() + timedelta(seconds=self.off_seconds["notifications"])

    # --- People who listen ---

    async def listen(self) -> None:
        """Somebody follows a project, somebody kinds of event, somebody one thing; a webhook hears of blocks."""
        first, second = self.world.organizations[0], self.world.organizations[-1]
        place = self.world.places[0]
        await self._post(first, 0, "subscriptions", project_id=str(place.project_id))
        await self._post(first, 1, "subscriptions", kinds=["milestone.*"], mute_own=False)
        await self._post(first, 1, "subscriptions", stream=f"issue-{place.issues[0]}")
        await self._post(second, 2, "subscriptions", kinds=["issue.blocked", "issue.moved_in"])
        await self.hook(first, HOOKS, self.receiver.url(HOOKS))

    async def hook(self, organization: Organization, path: str, url: str) -> None:
        """A webhook that hears of blocks; `url` leads to that path of the receiver."""
        kinds = ["issue.blocked", "issue.unblocked"]
        webhook = await self._post(organization, 0, "webhooks", url=url, kinds=kinds)
        self.receiver.secrets[path] = webhook["secret"]
        self.hooks.append(path)

    async def _post(self, organization: Organization, person: int, path: str, **wish: Any) -> dict[str, Any]:
        token = self.token(organization.org_id, organization.people[person])
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"{self.stack.url('notifications')}/v1/notifications/{path}",
                json=wish,
                headers={"Authorization": f"Bearer {token}"},
            )
        assert answer.is_success, answer.text
        made_of_it: dict[str, Any] = answer.json()
        return made_of_it

    # --- What must hold ---

    async def everything_holds(self, *, seconds: float = invariants.CONVERGES_SECONDS_MAX) -> float:
        """Nobody died who was not killed; all converges by itself; every invariant holds, from the first event on.

        Returns how many seconds it took until everybody was there, their starting included.
        """
        began = time.monotonic()
        self._nobody_else_died()
        assert "internal_error" not in self.ledger.disturbances, "an outage is a 503, never a 500"
        await self.ready("projects", "timeline", "notifications")
        await invariants.converged(self.stack, seconds - (time.monotonic() - began))
        converged = time.monotonic() - began
        await eventually(lambda: invariants.nothing_is_parked(self.stack), seconds, every=0.5)
        await self.is_made_of_the_log(self.stack)
        log = await evidence.log(self.stack)
        invariants.every_command_is_in_the_log_as_its_client_was_told(log, self.ledger, self.foreign)
        await eventually(lambda: invariants.everything_was_delivered(self.stack), TOLD_SECONDS_MAX, every=0.5)
        self._webhooks_arrived_in_order(log)
        self._nobody_else_died()
        return converged

    def _nobody_else_died(self) -> None:
        for name, process in self.stack.processes.items():
            if name not in self.struck:
                lines = "\n".join(last_lines(process.log))
                assert process.alive, f"{name} ended by itself with code {process.exit_code}\n{lines}"

    def _webhooks_arrived_in_order(self, log: list[evidence.Row]) -> None:
        """In the order of the log; of what was in a project that had to wait, in the order of its stream."""
        events = {event["event_id"]: event for event in log}
        parked = {str(project_id) for project_id in self.parked}
        waited = {event["stream"] for event in log if event["project_id"] in parked}
        for path in self.hooks:
            received: dict[str, list[int]] = defaultdict(list)
            for event in (events[webhook_id] for webhook_id in self.receiver.first_receipts(path)):
                lane = event["stream"] if event["stream"] in waited else "of those who never had to wait"
                received[lane].append(event["position"])
            for lane, positions in received.items():
                assert positions == sorted(positions), f"{path}, {lane}"


@asynccontextmanager
async def campaign(
    stack: Stack,
    chance: Random | None = None,
    organizations: int = ORGANIZATIONS,
    projects: int = PROJECTS,
) -> AsyncIterator[Campaign]:
    """A world in a running system, with people who listen; everything from its first event on is accounted for."""
    async with receiving() as receiver:
        begun = Campaign(stack, receiver, chance=chance or Random())
        try:
            begun.world = await made(begun.sender, organizations, projects)
            await begun.listen()
            yield begun
        finally:
            await begun.sender.close()

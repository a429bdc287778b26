"""The loop that sends webhooks: claim what is due, send it, record what came of it.

Every replica runs it; endpoints are shared out by row locks and leases, so it needs no leader.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from pydantic_core import from_json

from libs.chassis import tracing
from libs.chassis.clock import Clock, utc_now
from libs.chassis.postgres import Database
from libs.chassis.sessions import is_transient
from services.notifications.channels.webhooks import jobs
from services.notifications.channels.webhooks.jobs import Claim
from services.notifications.channels.webhooks.proving import judged
from services.notifications.channels.webhooks.recording import Recorded, record
from services.notifications.channels.webhooks.retrying import RetryPolicy
from services.notifications.channels.webhooks.sending import Attempt, Letter, Outcome, Sender
from services.notifications.channels.webhooks.signing import SealBroken, Sealer, belongs_to_endpoint
from services.notifications.measuring import ATTEMPT_SECONDS, ATTEMPTS, IN_FLIGHT, PARKED

ATTEMPTS_IN_FLIGHT_MAX = 32
POLL_SECONDS = 0.25
BACKOFF_SECONDS_MAX = 5.0
# What is still in flight then is cut off; its lease ends by itself and it is sent again.
SHUTDOWN_SECONDS = 2.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Delivering:
    """Sends webhooks until cancelled. `chance` gives the jitter, in [-1, 1]."""

    database: Database
    sender: Sender
    sealer: Sealer
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = utc_now
    chance: Callable[[], float] = lambda: random.uniform(-1, 1)
    in_flight_max: int = ATTEMPTS_IN_FLIGHT_MAX
    poll_seconds: float = POLL_SECONDS
    _in_flight: set[asyncio.Task[object]] = field(default_factory=set)

    async def run(self) -> None:
        """Send for ever; survives outages of the database. Cancelling it waits briefly for what is in flight."""
        failures = 0
        try:
            while True:
                try:
                    claims = await self.claim()
                    failures = 0
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("claiming_failed", error=type(error).__name__)
                    claims, failures = [], failures + 1
                for claim in claims:
                    self._start(claim)
                await self._pause(idle=not claims, failures=failures)
        finally:
            await self._finish()

    async def round(self) -> list[tuple[Claim, Recorded]]:
        """Claim what is due now and send it; returns what came of it, nothing if nothing was due."""
        claims = await self.claim()
        return list(zip(claims, await asyncio.gather(*map(self.deliver, claims)), strict=True))

    async def claim(self) -> Sequence[Claim]:
        free = self.in_flight_max - len(self._in_flight)
        if free <= 0:
            return []
        async with self.database.connection() as connection:
            if not await jobs.is_anything_due(connection, self.clock()):
                return []
            async with connection.transaction():
                return await jobs.claim(connection, self.clock(), free)

    async def deliver(self, claim: Claim) -> Recorded:
        """Make one attempt and record it. What cannot be recorded is sent again after its lease, never lost."""
        with IN_FLIGHT.track_inprogress(), tracing.continuing(from_json(claim.body).get("traceparent")):
            attempt = judged(claim, await self._send(claim))
        ATTEMPTS.labels(attempt.outcome.value).inc()
        ATTEMPT_SECONDS.observe(attempt.duration_seconds)
        recorded = await self._record(claim, attempt)
        if recorded is Recorded.PARKED:
            PARKED.inc()
        log.info(
            "webhook_attempted",
            endpoint_id=str(claim.endpoint_id),
            event_id=str(claim.event_id),
            number=claim.number,
            outcome=attempt.outcome.value,
            status=attempt.status,
            recorded=recorded.value,
        )
        return recorded

    async def _record(self, claim: Claim, attempt: Attempt) -> Recorded:
        """Write an attempt down, after an outage if need be: as long as the lease lasts nobody else may go on."""
        now = asyncio.get_running_loop().time
        failures, given_up_at = 0, now() + jobs.LEASE.total_seconds()
        while True:
            try:
                async with self.database.transaction() as connection:
                    return await record(connection, claim, attempt, self.policy, self.clock(), self.chance())
            except Exception as error:
                if not is_transient(error) or now() > given_up_at:
                    raise
                log.warning("recording_failed", event_id=str(claim.event_id), error=type(error).__name__)
            failures += 1
            await asyncio.sleep(min(BACKOFF_SECONDS_MAX, 0.1 * 2**failures))

    async def _send(self, claim: Claim) -> Attempt:
        try:
            secrets = self._opened(claim)
        except SealBroken as error:
            log.error("webhook_secret_unreadable", endpoint_id=str(claim.endpoint_id), error=str(error))
            return Attempt(Outcome.UNREACHABLE, 0.0, excerpt="the signing secret cannot be read")
        letter = Letter(claim.url, webhook_id(claim.event_id), claim.body, secrets)
        return await self.sender.send(letter, self.clock())

    def _opened(self, claim: Claim) -> list[str]:
        owner = belongs_to_endpoint(claim.org_id, claim.endpoint_id)
        return [self.sealer.open(sealed, owner).decode() for sealed in claim.secrets]

    def _start(self, claim: Claim) -> None:
        task: asyncio.Task[object] = asyncio.create_task(
            self._deliver_surviving_outages(claim), name="webhook attempt"
        )
        self._in_flight.add(task)

    async def _deliver_surviving_outages(self, claim: Claim) -> None:
        try:
            await self.deliver(claim)
        except Exception as error:
            if not is_transient(error):
                raise
            log.error("recording_given_up", event_id=str(claim.event_id), error=type(error).__name__)

    async def _pause(self, *, idle: bool, failures: int) -> None:
        """Wait until there may be something to do; what went wrong for good in a task is raised here."""
        if failures:
            await asyncio.sleep(min(BACKOFF_SECONDS_MAX, self.poll_seconds * 2.0 ** min(failures, 16)))
        elif self._in_flight:
            await asyncio.wait(
                self._in_flight, timeout=self.poll_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        elif idle:
            await asyncio.sleep(self.poll_seconds)
        done = {task for task in self._in_flight if task.done()}
        self._in_flight -= done
        for task in done:
            task.result()

    async def _finish(self) -> None:
        if not self._in_flight:
            return
        _, late = await asyncio.wait(self._in_flight, timeout=SHUTDOWN_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        self._in_flight.clear()


def webhook_id(event_id: UUID) -> str:
    """The `webhook-id` of an event: the same for every attempt and every endpoint."""
    return str(event_id)

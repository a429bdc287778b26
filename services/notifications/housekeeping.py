"""What is old is forgotten in small portions, and what operators watch is counted."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from libs.chassis.clock import Clock, utc_now
from libs.chassis.postgres import Database
from libs.chassis.sessions import is_transient
from services.notifications.channels.webhooks.jobs import LEASE
from services.notifications.channels.webhooks.retrying import RetryPolicy
from services.notifications.measuring import DISABLED_ENDPOINTS, OLDEST_PENDING_SECONDS

PORTION = 1_000
EVERY_SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept. Deliveries may be sent again as long as they are kept."""

    deliveries: timedelta = timedelta(days=30)
    inbox: timedelta = timedelta(days=365)
    answers: timedelta = timedelta(days=2)


FORGET_DELIVERIES = """
    delete from deliveries where (org_id, endpoint_id, event_id) in (
        select org_id, endpoint_id, event_id from deliveries where made_at < $1
        order by made_at limit $2 for update skip locked)
"""
FORGET_BODIES = """
    delete from webhook_bodies where (org_id, event_id) in (
        select org_id, event_id from webhook_bodies as body where made_at < $1
          and not exists (select from deliveries where deliveries.org_id = body.org_id
                          and deliveries.event_id = body.event_id)
        limit $2 for update skip locked)
"""
FORGET_ENDPOINTS = """
    delete from webhook_endpoints as endpoint where state = 'retired' and revised_at < $1
      and not exists (select from deliveries where deliveries.org_id = endpoint.org_id
                      and deliveries.endpoint_id = endpoint.endpoint_id)
"""
FORGET_INBOX = """
    delete from inbox_items where (org_id, person_id, event_id) in (
        select org_id, person_id, event_id from inbox_items where recorded_at < $1
        order by recorded_at limit $2 for update skip locked)
"""
FORGET_ANSWERS = """
    delete from idempotency_keys where (org_id, actor, key) in (
        select org_id, actor, key from idempotency_keys where recorded_at < $1
        order by recorded_at limit $2 for update skip locked)
"""
OLDEST_DUE = """
    select min(deliveries.next_attempt_at) from deliveries
    join webhook_endpoints as endpoint using (org_id, endpoint_id)
    where deliveries.state = 'pending' and endpoint.state = 'active'
"""
# What is due later than it can be was put there by a clock that was ahead, and has been put right since.
PULL_IN_DELIVERIES = """
    update deliveries set next_attempt_at = $1,
        first_attempt_at = case when first_attempt_at > $1 then $1 else first_attempt_at end
    where state = 'pending' and next_attempt_at > $2 and next_attempt_at > ($3::timestamptz[])[attempts + 1]
"""
PULL_IN_LEASES = "update webhook_health set leased_until = $1 where leased_until > $2"
PULL_IN_BREAKERS = "update webhook_health set breaker_until = $1 where breaker_until > $2"
# So much the clocks of two replicas may differ.
DIFFERENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Forgets, counts and puts right until cancelled; every replica may do it at the same time."""

    database: Database
    policy: RetryPolicy
    retention: Retention = Retention()
    clock: Clock = utc_now
    every_seconds: float = EVERY_SECONDS

    async def run(self) -> None:
        while True:
            try:
                await self.put_right()
                await self.count()
                await self.forget()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("housekeeping_failed", error=type(error).__name__)
            await asyncio.sleep(self.every_seconds)

    async def put_right(self) -> None:
        """Have nothing wait for longer than any schedule would have it wait.

        Too long is what both this clock and the database's say: a replica whose clock is behind leaves alone what
        others, whose clocks are right, have put off.
        """
        now = self.clock()
        breaker = timedelta(seconds=self.policy.breaker_seconds_max)
        async with self.database.transaction() as connection:
            latest = max(now, await connection.fetchval("select now()")) + DIFFERENCE
            pulled_in = [
                await connection.execute(
                    PULL_IN_DELIVERIES, now, latest, [latest + wait for wait in self.policy.longest_waits]
                ),
                await connection.execute(PULL_IN_LEASES, now, latest + LEASE),
                await connection.execute(PULL_IN_BREAKERS, now, latest + breaker),
            ]
        if set(pulled_in) != {"UPDATE 0"}:
            log.warning(
                "clock_was_ahead", deliveries=pulled_in[0], leases=pulled_in[1], breakers=pulled_in[2]
            )

    async def forget(self) -> None:
        """Forget one portion of everything whose time is over."""
        now = self.clock()
        async with self.database.transaction() as connection:
            await connection.execute(FORGET_DELIVERIES, now - self.retention.deliveries, PORTION)
            await connection.execute(FORGET_BODIES, now - self.retention.deliveries, PORTION)
            await connection.execute(FORGET_ENDPOINTS, now - self.retention.deliveries)
            await connection.execute(FORGET_INBOX, now - self.retention.inbox, PORTION)
            await connection.execute(FORGET_ANSWERS, now - self.retention.answers, PORTION)

    async def count(self) -> None:
        async with self.database.connection() as connection:
            due_since = await connection.fetchval(OLDEST_DUE)
            disabled = await connection.fetchval(
                "select count(*) from webhook_endpoints where state = 'disabled'"
            )
        age = 0.0 if due_since is None else (self.clock() - due_since).total_seconds()
        OLDEST_PENDING_SECONDS.set(max(0.0, age))
        DISABLED_ENDPOINTS.set(disabled)

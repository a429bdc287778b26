"""What came of an attempt, written down: the delivery goes on, waits or is parked; the endpoint's health moves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.chassis.postgres import Connection
from services.notifications.channels.webhooks.jobs import Claim
from services.notifications.channels.webhooks.proving import note_proof
from services.notifications.channels.webhooks.retrying import (
    Lane,
    Retry,
    RetryPolicy,
    after_failure,
    breaker_pause,
    is_hopeless,
)
from services.notifications.channels.webhooks.sending import Attempt, Outcome

CHALLENGE_ATTEMPTS_MAX = 3

ANNOUNCE = """
    update deliveries set announced_at = $4
    where org_id = $1 and endpoint_id = $2 and event_id = any($3) and announced_at is null
"""
# One that was parked while it was under way, because it is of another project than its endpoint now, stays parked.
FAIL = """
    update deliveries set state = $4, attempts = $5, first_attempt_at = $6, next_attempt_at = $7, lane = $8,
        skipped_at = case when $9 then $10 else skipped_at end, finished_at = case when $4 = 'parked' then $10 end
    where org_id = $1 and endpoint_id = $2 and event_id = $3 and state = 'pending' returning state
"""


class Recorded(StrEnum):
    """What an attempt meant for its delivery; `lost`: the lease had ended, somebody else goes on with it."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    PARKED = "parked"
    LOST = "lost"


async def record(
    connection: Connection, claim: Claim, attempt: Attempt, policy: RetryPolicy, now: datetime, spread: float
) -> Recorded:
    """Write down an attempt; call it inside a transaction. `spread` in [-1, 1] is the chance jitter needs."""
    await _complete_attempt(connection, claim, attempt)
    health = await connection.fetchrow(
        "select failures_in_row, failing_since from webhook_health"
        " where org_id = $1 and endpoint_id = $2 and attempt_id = $3 for update",
        claim.org_id,
        claim.endpoint_id,
        claim.attempt_id,
    )
    if health is None:
        return Recorded.LOST
    if attempt.is_delivered:
        await _record_delivered(connection, claim, now)
        if claim.is_challenge:
            await note_proof(connection, claim, now)
        return Recorded.DELIVERED
    recorded = await _record_failed(connection, claim, attempt, policy, now, spread)
    if claim.is_test:
        await _release(connection, claim, now)
    else:
        failing_since = health["failing_since"] or now
        await _worsen(connection, claim, policy, health["failures_in_row"] + 1, failing_since, now)
        if attempt.outcome is Outcome.GONE:
            await disable(connection, claim.org_id, claim.endpoint_id, "gone")
        elif is_hopeless(policy, health["failures_in_row"] + 1, failing_since, now):
            await disable(connection, claim.org_id, claim.endpoint_id, "failing_for_too_long")
    return recorded


async def _complete_attempt(connection: Connection, claim: Claim, attempt: Attempt) -> None:
    await connection.execute(
        "update delivery_attempts set duration_seconds = $5, outcome = $6, status = $7, excerpt = $8"
        " where org_id = $1 and endpoint_id = $2 and event_id = $3 and attempt_id = $4",
        *claim.key,
        claim.attempt_id,
        attempt.duration_seconds,
        attempt.outcome.value,
        attempt.status,
        attempt.excerpt,
    )


async def _record_delivered(connection: Connection, claim: Claim, now: datetime) -> None:
    await connection.execute(
        "update deliveries set state = 'delivered', attempts = $4, finished_at = $5,"
        " first_attempt_at = coalesce(first_attempt_at, $5)"
        " where org_id = $1 and endpoint_id = $2 and event_id = $3",
        *claim.key,
        claim.number,
        now,
    )
    if claim.skipped:
        skipped: Sequence[UUID] = list(claim.skipped)
        await connection.execute(ANNOUNCE, claim.org_id, claim.endpoint_id, skipped, now)
    if claim.is_test:
        await _release(connection, claim, now)
        return
    await connection.execute(
        "update webhook_health set attempt_id = null, leased_until = $3, failures_in_row = 0,"
        " failing_since = null, breaker_until = null, succeeded_at = $3 where org_id = $1 and endpoint_id = $2",
        claim.org_id,
        claim.endpoint_id,
        now,
    )


async def _record_failed(
    connection: Connection,
    claim: Claim,
    attempt: Attempt,
    policy: RetryPolicy,
    now: datetime,
    spread: float,
) -> Recorded:
    first_attempt_at = claim.first_attempt_at or now
    retry: Retry | None = None
    if not claim.is_test or claim.is_challenge:
        retry = after_failure(
            replace(policy, delays=policy.delays[:CHALLENGE_ATTEMPTS_MAX]) if claim.is_challenge else policy,
            attempts=claim.number,
            lane=claim.lane,
            first_attempt_at=first_attempt_at,
            now=now,
            spread=spread,
            retry_after_seconds=attempt.retry_after_seconds,
        )
    is_skipped = retry is not None and retry.lane is Lane.SIDE and claim.lane is Lane.LINE
    state = await connection.fetchval(
        FAIL,
        *claim.key,
        "parked" if retry is None else "pending",
        claim.number,
        first_attempt_at,
        now if retry is None else retry.at,
        (claim.lane if retry is None else retry.lane).value,
        is_skipped or (retry is None and claim.lane is Lane.LINE and not claim.is_test),
        now,
    )
    return Recorded.RETRIED if state == "pending" else Recorded.PARKED


async def _worsen(
    connection: Connection,
    claim: Claim,
    policy: RetryPolicy,
    failures_in_row: int,
    failing_since: datetime,
    now: datetime,
) -> None:
    pause = breaker_pause(policy, failures_in_row)
    await connection.execute(
        "update webhook_health set attempt_id = null, leased_until = $6, failures_in_row = $3,"
        " failing_since = $4, breaker_until = $5 where org_id = $1 and endpoint_id = $2",
        claim.org_id,
        claim.endpoint_id,
        failures_in_row,
        failing_since,
        None if pause is None else now + pause,
        now,
    )


async def _release(connection: Connection, claim: Claim, now: datetime) -> None:
    await connection.execute(
        "update webhook_health set attempt_id = null, leased_until = $3 where org_id = $1 and endpoint_id = $2",
        claim.org_id,
        claim.endpoint_id,
        now,
    )


async def disable(connection: Connection, org_id: UUID, endpoint_id: UUID, reason: str) -> None:
    """Give an endpoint up until somebody resumes it; what waits for it goes on waiting."""
    await connection.execute(
        "update webhook_endpoints set state = 'disabled', state_reason = $3, version = version + 1"
        " where org_id = $1 and endpoint_id = $2 and state = 'active'",
        org_id,
        endpoint_id,
        reason,
    )

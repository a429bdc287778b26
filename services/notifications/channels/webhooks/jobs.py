"""Deliveries on their way: made with the event they carry, claimed one at a time per endpoint, recorded.

Whoever claims holds the endpoint for a lease; a worker that dies in between leaves a lease that expires,
and the delivery is sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json, to_jsonable_python

from libs.chassis.ids import new_id
from libs.chassis.postgres import Connection
from libs.events.catalogue import type_of
from libs.events.envelope import Event, cloud_event
from services.notifications.channels.webhooks.retrying import Lane
from services.notifications.channels.webhooks.signing import Sealed

LEASE = timedelta(seconds=60)
SKIPPED_TOLD_MAX = 100
SKIPPED_ATTRIBUTE = "skipped"
JOBS_PER_STATEMENT = 5_000
# All that goes to an endpoint before it has proved itself by answering it (see `proving`).
CHALLENGE_TYPE = "webhook.verification"


@dataclass(frozen=True, slots=True)
class NewJob:
    """An event that shall go to an endpoint."""

    event: Event
    endpoint_id: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """The right and duty to make one attempt, until the lease ends."""

    org_id: UUID
    endpoint_id: UUID
    event_id: UUID
    attempt_id: UUID
    number: int
    lane: Lane
    is_test: bool
    is_challenge: bool
    url: str
    body: bytes
    secrets: Sequence[Sealed] = field(repr=False)
    skipped: Sequence[UUID] = ()
    first_attempt_at: datetime | None = None

    @property
    def key(self) -> tuple[UUID, UUID, UUID]:
        return self.org_id, self.endpoint_id, self.event_id


async def make(connection: Connection, new: Sequence[NewJob], now: datetime) -> int:
    """Write deliveries and the bodies they carry; those that exist stay as they are. Returns how many are new."""
    made = 0
    for start in range(0, len(new), JOBS_PER_STATEMENT):
        part = new[start : start + JOBS_PER_STATEMENT]
        await _write_bodies(connection, part, now)
        rows = await connection.fetch(
            """
            insert into deliveries (org_id, endpoint_id, event_id, position, type, project_id, made_at,
                next_attempt_at)
            select org_id, endpoint_id, event_id, position, type, project_id, $7, $7
            from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[])
                as job (org_id, endpoint_id, event_id, position, type, project_id)
            on conflict (org_id, endpoint_id, event_id) do nothing
            returning 1
            """,
            [job.event.envelope.org_id for job in part],
            [job.endpoint_id for job in part],
            [job.event.envelope.event_id for job in part],
            [job.event.envelope.position for job in part],
            [job.event.envelope.type for job in part],
            [job.event.envelope.project_id for job in part],
            now,
        )
        made += len(rows)
    return made


async def hurry(connection: Connection, org_id: UUID, endpoint_id: UUID, now: datetime) -> None:
    """What waits in the line of an endpoint is due now."""
    await connection.execute(
        "update deliveries set next_attempt_at = $3 where org_id = $1 and endpoint_id = $2"
        " and state = 'pending' and lane = 'line' and next_attempt_at > $3",
        org_id,
        endpoint_id,
        now,
    )


async def park_outside(
    connection: Connection, org_id: UUID, endpoint_id: UUID, project_id: UUID, now: datetime
) -> None:
    """Send nothing to an endpoint any more that is not of this project, and do not tell it that this was skipped."""
    await connection.execute(
        "update deliveries set announced_at = coalesce(announced_at, $4),"
        " finished_at = coalesce(finished_at, $4),"
        " state = case when state = 'pending' then 'parked' else state end"
        " where org_id = $1 and endpoint_id = $2 and project_id is distinct from $3 and not is_test"
        " and (state = 'pending' or (skipped_at is not null and announced_at is null))",
        org_id,
        endpoint_id,
        project_id,
        now,
    )


async def _write_bodies(connection: Connection, jobs: Sequence[NewJob], now: datetime) -> None:
    events = {(job.event.envelope.org_id, job.event.envelope.event_id): job.event for job in jobs}
    await connection.execute(
        "insert into webhook_bodies (org_id, event_id, body, made_at)"
        " select org_id, event_id, body, $4 from unnest($1::uuid[], $2::uuid[], $3::bytea[])"
        " as made (org_id, event_id, body) on conflict (org_id, event_id) do nothing",
        [org_id for org_id, _ in events],
        [event_id for _, event_id in events],
        [published(event) for event in events.values()],
        now,
    )


def published(event: Event) -> bytes:
    """The event as CloudEvents JSON in today's schema version, whatever version it was recorded in."""
    event_type = type_of(event.data)
    if event.envelope.schema_version == event_type.version:
        return cloud_event(event.envelope)
    data = to_jsonable_python(event.data)
    return cloud_event(replace(event.envelope, schema_version=event_type.version, data=data))


def telling_skipped(body: bytes, skipped: Sequence[UUID]) -> bytes:
    """The body with the ids of earlier deliveries that were skipped and may come later, so nobody waits for them."""
    if not skipped:
        return body
    attributes: dict[str, Any] = from_json(body)
    data = attributes.pop("data", None)
    attributes[SKIPPED_ATTRIBUTE] = " ".join(str(event_id) for event_id in skipped)
    return to_json({**attributes, "data": data})


DUE = """
    select health.org_id, health.endpoint_id
    from webhook_health as health join webhook_endpoints as endpoint using (org_id, endpoint_id)
    where endpoint.state = 'active'
      and (health.leased_until is null or health.leased_until <= $1)
      and (health.breaker_until is null or health.breaker_until <= $1)
      and (
          (endpoint.verified_at is not null
              and (select next_attempt_at from deliveries where deliveries.org_id = health.org_id
              and deliveries.endpoint_id = health.endpoint_id
              and deliveries.state = 'pending' and lane = 'line' order by position limit 1) <= $1)
          or exists (select from deliveries where deliveries.org_id = health.org_id
              and deliveries.endpoint_id = health.endpoint_id
              and deliveries.state = 'pending' and lane = 'side' and next_attempt_at <= $1
              and (endpoint.verified_at is not null or deliveries.type = $2))
      )
"""
IS_ANYTHING_DUE = f"select exists ({DUE})"
LOCK_DUE = f"{DUE} order by health.leased_until nulls first limit $3 for update of health skip locked"


async def is_anything_due(connection: Connection, now: datetime) -> bool:
    """Whether there is an attempt to be made: one statement, for the many times that there is none."""
    return bool(await connection.fetchval(IS_ANYTHING_DUE, now, CHALLENGE_TYPE))


async def claim(connection: Connection, now: datetime, most: int) -> list[Claim]:
    """Claim up to `most` attempts that are due, one per endpoint; call it inside a transaction."""
    locked = await connection.fetch(LOCK_DUE, now, CHALLENGE_TYPE, most)
    if not locked:
        return []
    # A statement of its own, begun after the locks are held: it sees what the last holder recorded.
    rows = await connection.fetch(
        CHOOSE,
        now,
        [row["org_id"] for row in locked],
        [row["endpoint_id"] for row in locked],
        SKIPPED_TOLD_MAX,
        CHALLENGE_TYPE,
    )
    claims = [_claim_of(row) for row in rows]
    await _lease(connection, claims, now)
    return claims


# The head of the line comes before the side lane while an endpoint fails, so that nothing holds the
# line up for longer than it must; otherwise what has been due longest comes first.
CHOOSE = """
    select endpoint.org_id, endpoint.endpoint_id, endpoint.url, endpoint.secret_key_id, endpoint.secret_box,
        case when endpoint.secret_before_until > $1 then endpoint.secret_before_key_id end as before_key_id,
        endpoint.secret_before_box as before_box,
        due.event_id, due.attempts, due.lane, due.is_test, due.type = $5 as is_challenge, due.first_attempt_at,
        body.body,
        array(
            select skipped.event_id from deliveries as skipped
            where skipped.org_id = due.org_id and skipped.endpoint_id = due.endpoint_id
              and skipped.skipped_at is not null and skipped.position < due.position
              and (skipped.announced_at is null or skipped.state = 'pending')
            order by skipped.position limit $4
        ) as skipped
    from unnest($2::uuid[], $3::uuid[]) as locked (org_id, endpoint_id)
    join webhook_endpoints as endpoint using (org_id, endpoint_id)
    join webhook_health as health using (org_id, endpoint_id)
    cross join lateral (
        select heads.* from (
            (select * from deliveries where deliveries.org_id = locked.org_id
                and deliveries.endpoint_id = locked.endpoint_id and state = 'pending' and lane = 'line'
                and endpoint.verified_at is not null
                order by position limit 1)
            union all
            (select * from deliveries where deliveries.org_id = locked.org_id
                and deliveries.endpoint_id = locked.endpoint_id and state = 'pending' and lane = 'side'
                and (endpoint.verified_at is not null or type = $5)
                order by next_attempt_at limit 1)
        ) as heads
        where next_attempt_at <= $1
        order by health.failures_in_row > 0 and lane = 'line' desc, next_attempt_at
        limit 1
    ) as due
    join webhook_bodies as body on body.org_id = due.org_id and body.event_id = due.event_id
    where endpoint.state = 'active' and (health.leased_until is null or health.leased_until <= $1)
"""


def _claim_of(row: Any) -> Claim:
    secrets = [Sealed(row["secret_key_id"], row["secret_box"])]
    if row["before_key_id"] is not None:
        secrets.append(Sealed(row["before_key_id"], row["before_box"]))
    return Claim(
        org_id=row["org_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        attempt_id=new_id(),
        number=row["attempts"] + 1,
        lane=Lane(row["lane"]),
        is_test=row["is_test"],
        is_challenge=row["is_challenge"],
        url=row["url"],
        body=telling_skipped(row["body"], row["skipped"]),
        secrets=secrets,
        skipped=row["skipped"],
        first_attempt_at=row["first_attempt_at"],
    )


TAKE_LEASE = """
    update webhook_health as health set attempt_id = claimed.attempt_id, leased_until = $4
    from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as claimed (org_id, endpoint_id, attempt_id)
    where health.org_id = claimed.org_id and health.endpoint_id = claimed.endpoint_id
"""


async def _lease(connection: Connection, claims: Sequence[Claim], now: datetime) -> None:
    await connection.execute(
        TAKE_LEASE,
        [claim.org_id for claim in claims],
        [claim.endpoint_id for claim in claims],
        [claim.attempt_id for claim in claims],
        now + LEASE,
    )
    await connection.executemany(
        "insert into delivery_attempts (org_id, endpoint_id, event_id, attempt_id, number, started_at)"
        " values ($1, $2, $3, $4, $5, $6)",
        [(*claim.key, claim.attempt_id, claim.number, now) for claim in claims],
    )

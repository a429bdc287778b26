"""What was sent to an endpoint and what it answered; and sending something once more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from libs.chassis.ids import new_id
from libs.chassis.organizations import Organizations
from libs.chassis.sessions import Connection
from libs.events.envelope import CLOUD_EVENTS_VERSION, instant_text
from services.notifications.channels.webhooks.endpoints import Endpoint
from services.notifications.channels.webhooks.retrying import Lane

RESENT_MAX = 10_000
ATTEMPTS_SHOWN_MAX = 100
TEST_TYPE = "webhook.tested"
SOURCE = "/milepost/notifications"
COLUMNS = (
    "org_id, endpoint_id, event_id, position, type, project_id, is_test, state, lane, attempts, made_at,"
    " first_attempt_at, next_attempt_at, skipped_at, finished_at"
)
RESTART = (
    "state = 'pending', attempts = 0, next_attempt_at = $4, first_attempt_at = null, finished_at = null,"
    " skipped_at = null, announced_at = null"
)
# Whoever manages an endpoint manages the project it has today: what it was told of others before is not for them.
OF_ENDPOINT = "org_id = $1 and endpoint_id = $2 and (is_test or $3::uuid is null or project_id = $3)"


class DeliveryState(StrEnum):
    """`parked`: the retry schedule is exhausted, or its endpoint was given to another project.

    Only somebody's wish sends it again.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint; `event_id` is its `webhook-id`."""

    org_id: UUID
    endpoint_id: UUID
    event_id: UUID
    position: int
    type: str
    project_id: UUID | None
    is_test: bool
    state: DeliveryState
    lane: Lane
    attempts: int
    made_at: datetime
    first_attempt_at: datetime | None
    next_attempt_at: datetime
    skipped_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """One attempt; without an outcome it is in flight, or its worker died and the lease has to end first."""

    attempt_id: UUID
    number: int
    started_at: datetime
    duration_seconds: float | None
    outcome: str | None
    status: int | None
    excerpt: str | None


class DeliveryLog:
    """Questions about the deliveries of one endpoint, as far as they are of its project."""

    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    async def page(
        self,
        endpoint: Endpoint,
        states: Sequence[DeliveryState],
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Delivery]:
        """Up to `limit` deliveries, newest first, behind the last one of the page before."""
        made_at, event_id = after or (None, None)
        async with self._organizations.transaction(endpoint.org_id, readonly=True) as connection:
            rows = await connection.fetch(
                f"""
                select {COLUMNS} from deliveries
                where {OF_ENDPOINT} and ($4::text[] is null or state = any($4))
                  and ($5::timestamptz is null or (made_at, event_id) < ($5, $6::uuid))
                order by made_at desc, event_id desc limit $7
                """,
                *_of(endpoint),
                list(states) or None,
                made_at,
                event_id,
                limit,
            )
        return [_delivery(row) for row in rows]

    async def one(self, endpoint: Endpoint, event_id: UUID) -> tuple[Delivery, list[LoggedAttempt]] | None:
        """A delivery with its attempts, newest first."""
        async with self._organizations.transaction(endpoint.org_id, readonly=True) as connection:
            row = await connection.fetchrow(
                f"select {COLUMNS} from deliveries where {OF_ENDPOINT} and event_id = $4",
                *_of(endpoint),
                event_id,
            )
            attempts = await connection.fetch(
                "select attempt_id, number, started_at, duration_seconds, outcome, status, excerpt"
                " from delivery_attempts where org_id = $1 and endpoint_id = $2 and event_id = $3"
                f" order by attempt_id desc limit {ATTEMPTS_SHOWN_MAX}",
                endpoint.org_id,
                endpoint.endpoint_id,
                event_id,
            )
        if row is None:
            return None
        return _delivery(row), [LoggedAttempt(**dict(attempt)) for attempt in attempts]


async def resend(
    connection: Connection, endpoint: Endpoint, event_id: UUID, now: datetime
) -> Delivery | None:
    """Send a delivery again, now and beside the line, with a fresh schedule and the same `webhook-id`.

    One that waits in the line keeps its place there.
    """
    row = await connection.fetchrow(
        f"update deliveries set {RESTART}, lane = case when state = 'pending' then lane else 'side' end"
        f" where {OF_ENDPOINT} and event_id = $5 returning {COLUMNS}",
        *_of(endpoint),
        now,
        event_id,
    )
    return None if row is None else _delivery(row)


async def resend_since(connection: Connection, endpoint: Endpoint, position: int, now: datetime) -> int:
    """Put everything after a position back into the line, in order; returns how many, up to `RESENT_MAX`.

    What waits in the line is there already. Events the endpoint was never to be told stay untold.
    """
    status = await connection.execute(
        f"""
        update deliveries set {RESTART}, lane = 'line'
        where org_id = $1 and endpoint_id = $2 and event_id = any(array(
            select event_id from deliveries
            where {OF_ENDPOINT} and position > $5 and not is_test
              and (state <> 'pending' or lane = 'side')
            order by position limit {RESENT_MAX}
        ))
        """,
        *_of(endpoint),
        now,
        position,
    )
    return int(status.rpartition(" ")[2])


async def tests_since(connection: Connection, endpoint: Endpoint, now: datetime) -> int:
    """How many tests of an endpoint were made in the last minute."""
    count: int = await connection.fetchval(
        "select count(*) from deliveries where org_id = $1 and endpoint_id = $2 and made_at > $3 and is_test",
        endpoint.org_id,
        endpoint.endpoint_id,
        now - timedelta(minutes=1),
    )
    return count


async def send_test(
    connection: Connection, org_id: UUID, endpoint_id: UUID, actor: UUID, now: datetime
) -> Delivery:
    """Make a delivery that says nothing but that webhooks arrive; it is tried once."""
    data = {"endpoint_id": str(endpoint_id)}
    return await send_own(connection, org_id, endpoint_id, actor, TEST_TYPE, data, now)


async def send_own(
    connection: Connection,
    org_id: UUID,
    endpoint_id: UUID,
    actor: UUID,
    type_name: str,
    data: Mapping[str, str],
    now: datetime,
) -> Delivery:
    """Make a delivery of something that is no event of the log, beside the line."""
    event_id = new_id()
    attributes = {
        "specversion": CLOUD_EVENTS_VERSION,
        "id": str(event_id),
        "source": SOURCE,
        "type": type_name,
        "subject": f"webhook-{endpoint_id}",
        "time": instant_text(now),
        "datacontenttype": "application/json",
        "orgid": str(org_id),
        "actor": str(actor),
        "data": data,
    }
    return await _made(connection, (org_id, endpoint_id, event_id), type_name, to_json(attributes), now)


async def _made(
    connection: Connection, key: tuple[UUID, UUID, UUID], type_name: str, body: bytes, now: datetime
) -> Delivery:
    org_id, endpoint_id, event_id = key
    await connection.execute(
        "insert into webhook_bodies (org_id, event_id, body, made_at) values ($1, $2, $3, $4)",
        org_id,
        event_id,
        body,
        now,
    )
    row = await connection.fetchrow(
        "insert into deliveries (org_id, endpoint_id, event_id, position, type, is_test, lane, made_at,"
        f" next_attempt_at) values ($1, $2, $3, 0, $4, true, 'side', $5, $5) returning {COLUMNS}",
        org_id,
        endpoint_id,
        event_id,
        type_name,
        now,
    )
    if row is None:
        raise RuntimeError("an insert without a conflict clause returned nothing")
    return _delivery(row)


def _of(endpoint: Endpoint) -> tuple[UUID, UUID, UUID | None]:
    return endpoint.org_id, endpoint.endpoint_id, endpoint.project_id


def _delivery(row: Any) -> Delivery:
    values = dict(row)
    return Delivery(**{**values, "state": DeliveryState(values["state"]), "lane": Lane(values["lane"])})

"""Where an organization's webhooks go: registered, paused, resumed, retired; each change is a version.

The signing secret leaves this module once, when it is made; after that only the sealed form exists.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.chassis.organizations import Organizations
from libs.chassis.sessions import Connection
from services.notifications.channels.webhooks import jobs
from services.notifications.channels.webhooks.signing import Sealed, Sealer, belongs_to_endpoint, new_secret
from services.notifications.rules import begin_rule_change

COLUMNS = (
    "org_id, endpoint_id, version, url, description, project_id, kinds, include_imported, since_position,"
    " registered_by, registered_at, revised_at, state, state_reason, secret_before_until, verified_at"
)
HEALTH_COLUMNS = "failures_in_row, failing_since, breaker_until, succeeded_at"
SELECT = (
    f"select {COLUMNS}, {HEALTH_COLUMNS} from webhook_endpoints"
    " join webhook_health using (org_id, endpoint_id)"
)
INSERT = f"""
    insert into webhook_endpoints (org_id, endpoint_id, url, description, project_id, kinds, include_imported,
        since_position, registered_by, registered_at, revised_at, secret_key_id, secret_box, verified_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)
    on conflict (org_id, endpoint_id) do nothing returning {COLUMNS}
"""


class EndpointState(StrEnum):
    """`disabled` was done by us, `paused` by somebody, `unverified` has not proved itself at its URL.

    All three keep what waits. `retired` is for ever.
    """

    UNVERIFIED = "unverified"
    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an endpoint is told and where it is."""

    url: str
    description: str = ""
    project_id: UUID | None = None
    kinds: Sequence[str] = ()
    include_imported: bool = False
    since_position: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver, as it is registered and as it is doing."""

    org_id: UUID
    endpoint_id: UUID
    version: int
    url: str
    description: str
    project_id: UUID | None
    kinds: Sequence[str]
    include_imported: bool
    since_position: int
    registered_by: UUID
    registered_at: datetime
    revised_at: datetime
    state: EndpointState
    state_reason: str
    secret_before_until: datetime | None
    verified_at: datetime | None
    failures_in_row: int = 0
    failing_since: datetime | None = None
    breaker_until: datetime | None = None
    succeeded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint and the secret just made for it: the only time it is shown."""

    endpoint: Endpoint
    secret: str = field(repr=False)


class TooManyEndpoints(Exception):
    """The organization has as many endpoints as it may have."""


class EndpointExists(Exception):
    """There is an endpoint with the id the client chose."""


async def register(
    connection: Connection,
    sealer: Sealer,
    *,
    org_id: UUID,
    endpoint_id: UUID,
    registered_by: UUID,
    wanted: Wanted,
    endpoints_max: int,
    is_trusted: bool,
    now: datetime,
) -> WithSecret:
    """Register an endpoint with a new secret; one that `is_trusted` need not prove itself.

    Raises `EndpointExists` and `TooManyEndpoints`.
    """
    position = await begin_rule_change(connection, org_id)
    count = await connection.fetchval(
        "select count(*) from webhook_endpoints where org_id = $1 and state <> 'retired'", org_id
    )
    if count >= endpoints_max:
        raise TooManyEndpoints
    secret, sealed = _made(sealer, org_id, endpoint_id)
    row = await connection.fetchrow(
        INSERT,
        org_id,
        endpoint_id,
        *_values(wanted, position),
        registered_by,
        now,
        sealed.key_id,
        sealed.box,
        now if is_trusted else None,
    )
    if row is None:
        raise EndpointExists
    await connection.execute(
        "insert into webhook_health (org_id, endpoint_id) values ($1, $2)", org_id, endpoint_id
    )
    return WithSecret(_endpoint(row), secret)


async def revise(
    connection: Connection, endpoint: Endpoint, wanted: Wanted, is_trusted: bool, now: datetime
) -> Endpoint:
    """Change where an endpoint is or what it is told, for events from now on. The row must be locked.

    What waits and is of another project than it has now is parked. At another URL it has to prove itself again,
    unless it `is_trusted`.
    """
    position = await begin_rule_change(connection, endpoint.org_id)
    # Only now: no more deliveries are made by the rule of before.
    if wanted.project_id is not None:
        await jobs.park_outside(connection, endpoint.org_id, endpoint.endpoint_id, wanted.project_id, now)
    return await _change(
        connection,
        endpoint,
        "url = $3, description = $4, project_id = $5, kinds = $6, include_imported = $7, since_position = $8,"
        " revised_at = $9, verified_at = case when url = $3 or $10 then verified_at end",
        *_values(wanted, position),
        now,
        is_trusted,
    )


async def rotate_secret(
    connection: Connection, sealer: Sealer, endpoint: Endpoint, overlap: timedelta, now: datetime
) -> WithSecret:
    """Make a new secret; until the overlap ends both sign, so that a receiver can change at leisure."""
    secret, sealed = _made(sealer, endpoint.org_id, endpoint.endpoint_id)
    changed = await _change(
        connection,
        endpoint,
        "secret_before_key_id = secret_key_id, secret_before_box = secret_box, secret_before_until = $3,"
        " secret_key_id = $4, secret_box = $5, revised_at = $6",
        now + overlap,
        sealed.key_id,
        sealed.box,
        now,
    )
    return WithSecret(changed, secret)


async def pause(connection: Connection, endpoint: Endpoint, now: datetime) -> Endpoint:
    """Hold everything back; what happens meanwhile waits."""
    return await _change(connection, endpoint, "state = 'paused', state_reason = '', revised_at = $3", now)


async def resume(connection: Connection, endpoint: Endpoint, now: datetime) -> Endpoint:
    """Go on with what waits, at once and as if nothing had ever failed."""
    await connection.execute(
        "update webhook_health set failures_in_row = 0, failing_since = null, breaker_until = null"
        " where org_id = $1 and endpoint_id = $2",
        endpoint.org_id,
        endpoint.endpoint_id,
    )
    await jobs.hurry(connection, endpoint.org_id, endpoint.endpoint_id, now)
    return await _change(connection, endpoint, "state = 'active', state_reason = '', revised_at = $3", now)


async def retire(connection: Connection, endpoint: Endpoint, now: datetime) -> Endpoint:
    """Never send anything there again; its deliveries are forgotten in time."""
    await begin_rule_change(connection, endpoint.org_id)
    return await _change(connection, endpoint, "state = 'retired', state_reason = '', revised_at = $3", now)


async def locked(connection: Connection, org_id: UUID, endpoint_id: UUID) -> Endpoint | None:
    """The endpoint, held until the transaction ends; `None` where there is none with this id."""
    # `no key`: who makes deliveries for it needs its key, and holds the checkpoint, for which a revision waits.
    row = await connection.fetchrow(
        f"{SELECT} where org_id = $1 and endpoint_id = $2 and state <> 'retired'"
        " for no key update of webhook_endpoints",
        org_id,
        endpoint_id,
    )
    return None if row is None else _endpoint(row)


async def remembered(connection: Connection, org_id: UUID, endpoint_id: UUID) -> Endpoint | None:
    """The endpoint, also a retired one, for as long as its deliveries are kept."""
    row = await connection.fetchrow(f"{SELECT} where org_id = $1 and endpoint_id = $2", org_id, endpoint_id)
    return None if row is None else _endpoint(row)


class Endpoints:
    """Questions about the endpoints of an organization."""

    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    async def page(
        self, org_id: UUID, project_ids: Collection[UUID] | None, after: UUID | None, limit: int
    ) -> list[Endpoint]:
        """Up to `limit` endpoints by id: of these projects, or (`None`) of the whole organization."""
        async with self._organizations.transaction(org_id, readonly=True) as connection:
            rows = await connection.fetch(
                f"""
                {SELECT} where org_id = $1 and state <> 'retired'
                  and ($2::uuid[] is null or project_id = any($2)) and ($3::uuid is null or endpoint_id > $3)
                order by endpoint_id limit $4
                """,
                org_id,
                None if project_ids is None else list(project_ids),
                after,
                limit,
            )
        return [_endpoint(row) for row in rows]

    async def one(self, org_id: UUID, endpoint_id: UUID) -> Endpoint | None:
        async with self._organizations.transaction(org_id, readonly=True) as connection:
            row = await connection.fetchrow(
                f"{SELECT} where org_id = $1 and endpoint_id = $2 and state <> 'retired'", org_id, endpoint_id
            )
        return None if row is None else _endpoint(row)


def _values(wanted: Wanted, position: int) -> tuple[Any, ...]:
    return (
        wanted.url,
        wanted.description,
        wanted.project_id,
        list(wanted.kinds),
        wanted.include_imported,
        max(position, wanted.since_position),
    )


def _made(sealer: Sealer, org_id: UUID, endpoint_id: UUID) -> tuple[str, Sealed]:
    secret = new_secret()
    return secret, sealer.seal(secret.encode(), belongs_to_endpoint(org_id, endpoint_id))


async def _change(connection: Connection, endpoint: Endpoint, assignments: str, *values: Any) -> Endpoint:
    row = await connection.fetchrow(
        f"""
        with changed as (
            update webhook_endpoints set version = version + 1, {assignments}
            where org_id = $1 and endpoint_id = $2 returning {COLUMNS}
        )
        select {COLUMNS}, {HEALTH_COLUMNS} from changed join webhook_health using (org_id, endpoint_id)
        """,
        endpoint.org_id,
        endpoint.endpoint_id,
        *values,
    )
    if row is None:
        raise RuntimeError("the endpoint was locked and is gone")
    return _endpoint(row)


def _endpoint(row: Any) -> Endpoint:
    state = EndpointState(row["state"])
    if state is EndpointState.ACTIVE and row["verified_at"] is None:
        state = EndpointState.UNVERIFIED
    return Endpoint(**{**dict(row), "state": state})

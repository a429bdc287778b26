"""What a person asked to hear: to follow a project, an entity, or kinds of event, each version numbered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.chassis.organizations import Organizations
from libs.chassis.sessions import Connection
from services.notifications.rules import begin_rule_change

SUBSCRIPTIONS_OF_PERSON_MAX = 200
COLUMNS = (
    "org_id, subscription_id, version, person_id, project_id, kinds, stream, mute_own, include_imported,"
    " since_position, made_at, revised_at"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to hear; at least one of project, kinds and stream is given, and all given must hold."""

    project_id: UUID | None = None
    kinds: Sequence[str] = ()
    stream: str | None = None
    mute_own: bool = True
    include_imported: bool = False
    since_position: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """A wish that is in force for events after `since_position`."""

    org_id: UUID
    subscription_id: UUID
    version: int
    person_id: UUID
    project_id: UUID | None
    kinds: Sequence[str]
    stream: str | None
    mute_own: bool
    include_imported: bool
    since_position: int
    made_at: datetime
    revised_at: datetime


class TooManySubscriptions(Exception):
    """A person has as many subscriptions as anybody may have."""


class SubscriptionExists(Exception):
    """There is a subscription with the id the client chose."""


async def subscribe(
    connection: Connection, org_id: UUID, person_id: UUID, subscription_id: UUID, wish: Wish, now: datetime
) -> Subscription:
    """Make a subscription; raises `SubscriptionExists` and `TooManySubscriptions`."""
    position = await begin_rule_change(connection, org_id)
    count = await connection.fetchval(
        "select count(*) from subscriptions where org_id = $1 and person_id = $2", org_id, person_id
    )
    if count >= SUBSCRIPTIONS_OF_PERSON_MAX:
        raise TooManySubscriptions
    row = await connection.fetchrow(
        f"""
        insert into subscriptions (org_id, subscription_id, person_id, project_id, kinds, stream, mute_own,
            include_imported, since_position, made_at, revised_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
        on conflict (org_id, subscription_id) do nothing
        returning {COLUMNS}
        """,
        org_id,
        subscription_id,
        person_id,
        wish.project_id,
        list(wish.kinds),
        wish.stream,
        wish.mute_own,
        wish.include_imported,
        max(position, wish.since_position),
        now,
    )
    if row is None:
        raise SubscriptionExists
    return Subscription(**dict(row))


async def revise(
    connection: Connection, subscription: Subscription, wish: Wish, now: datetime
) -> Subscription:
    """Put another wish in a subscription's place, for events from now on. The row must be locked."""
    position = await begin_rule_change(connection, subscription.org_id)
    row = await connection.fetchrow(
        f"""
        update subscriptions set version = version + 1, project_id = $3, kinds = $4, stream = $5,
            mute_own = $6, include_imported = $7, since_position = $8, revised_at = $9
        where org_id = $1 and subscription_id = $2 returning {COLUMNS}
        """,
        subscription.org_id,
        subscription.subscription_id,
        wish.project_id,
        list(wish.kinds),
        wish.stream,
        wish.mute_own,
        wish.include_imported,
        max(position, wish.since_position),
        now,
    )
    if row is None:
        raise RuntimeError("the subscription was locked and is gone")
    return Subscription(**dict(row))


async def end(connection: Connection, subscription: Subscription) -> None:
    """Nothing more is told for it; what was told stays in the inbox."""
    await begin_rule_change(connection, subscription.org_id)
    await connection.execute(
        "delete from subscriptions where org_id = $1 and subscription_id = $2",
        subscription.org_id,
        subscription.subscription_id,
    )


async def locked(
    connection: Connection, org_id: UUID, person_id: UUID, subscription_id: UUID
) -> Subscription | None:
    """The person's subscription, held until the transaction ends; `None` where that person has none with this id."""
    row = await connection.fetchrow(
        f"select {COLUMNS} from subscriptions"
        " where org_id = $1 and person_id = $2 and subscription_id = $3 for update",
        org_id,
        person_id,
        subscription_id,
    )
    return None if row is None else Subscription(**dict(row))


class Subscriptions:
    """Questions about the subscriptions of one person."""

    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    async def page(
        self, org_id: UUID, person_id: UUID, project_ids: Sequence[UUID], after: UUID | None, limit: int
    ) -> list[Subscription]:
        """Up to `limit` subscriptions in the order of their ids, behind the last one of the page before."""
        async with self._organizations.transaction(org_id, readonly=True) as connection:
            rows = await connection.fetch(
                f"""
                select {COLUMNS} from subscriptions
                where org_id = $1 and person_id = $2 and ($3::uuid is null or subscription_id > $3)
                  and ($4::uuid[] is null or project_id = any($4))
                order by subscription_id limit $5
                """,
                org_id,
                person_id,
                after,
                list(project_ids) or None,
                limit,
            )
        return [Subscription(**dict(row)) for row in rows]

    async def one(self, org_id: UUID, person_id: UUID, subscription_id: UUID) -> Subscription | None:
        async with self._organizations.transaction(org_id, readonly=True) as connection:
            row = await connection.fetchrow(
                f"select {COLUMNS} from subscriptions where org_id = $1 and person_id = $2 and subscription_id = $3",
                org_id,
                person_id,
                subscription_id,
            )
        return None if row is None else Subscription(**dict(row))

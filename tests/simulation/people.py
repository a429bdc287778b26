"""Who wants to be told in a simulated world: a person, and two programs behind endpoints."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.chassis.sessions import Connection
from services.notifications.channels.webhooks.signing import Sealer, belongs_to_endpoint
from tests.support.history import ORG, an_id

SECRET = "whsec_c2ltdWxhdGVkIHNlY3JldHMgYXJlIG5vIHNlY3JldHM="
SEALER = Sealer({"simulation": bytes(32)})
PERSON = an_id("a person who wants to be told")
PERSONS_PROJECT = an_id("project 1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is told by webhook of some kinds of events, in one project or in all."""

    endpoint_id: UUID
    url: str
    project_id: UUID | None
    kinds: tuple[str, ...]


ENDPOINTS = (
    Endpoint(
        an_id("endpoint 1"),
        "https://one.example/hooks",
        an_id("project 0"),
        ("issue.transitioned", "issue.assigned", "milestone.reforecast"),
    ),
    Endpoint(
        an_id("endpoint 2"),
        "https://two.example/hooks",
        None,
        ("milestone.achieved", "milestone.cancelled"),
    ),
)


async def sign_up(connection: Connection, now: datetime) -> None:
    """Enter their rules as if they had always been there, with endpoints that have proved themselves."""
    await connection.execute("insert into rule_revisions (org_id, revision) values ($1, 1)", ORG)
    await connection.execute(
        "insert into subscriptions (org_id, subscription_id, person_id, project_id, mute_own, include_imported,"
        " since_position, made_at, revised_at) values ($1, $2, $3, $4, false, true, 0, $5, $5)",
        ORG,
        an_id("subscription"),
        PERSON,
        PERSONS_PROJECT,
        now,
    )
    for each in ENDPOINTS:
        sealed = SEALER.seal(SECRET.encode(), belongs_to_endpoint(ORG, each.endpoint_id))
        await connection.execute(
            "insert into webhook_endpoints (org_id, endpoint_id, url, project_id, kinds, include_imported,"
            " since_position, registered_by, registered_at, revised_at, verified_at, secret_key_id, secret_box)"
            " values ($1, $2, $3, $4, $5, true, 0, $6, $7, $7, $7, $8, $9)",
            ORG,
            each.endpoint_id,
            each.url,
            each.project_id,
            list(each.kinds),
            PERSON,
            now,
            sealed.key_id,
            sealed.box,
        )
        await connection.execute(
            "insert into webhook_health (org_id, endpoint_id) values ($1, $2)", ORG, each.endpoint_id
        )

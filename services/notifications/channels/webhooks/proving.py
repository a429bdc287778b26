"""An endpoint proves that it wants to be told: it echoes a challenge, so that nobody signs up somebody else's server.

The challenge is a webhook like any other, of type `webhook.verification`. It is answered with 2xx and, as the body,
its `data.challenge`: as plain text, or as the member `challenge` of a JSON object.
"""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from libs.chassis.postgres import Connection
from services.notifications.channels.webhooks.delivery_log import Delivery, send_own
from services.notifications.channels.webhooks.jobs import CHALLENGE_TYPE, Claim
from services.notifications.channels.webhooks.sending import Attempt, Outcome

CHALLENGE_BYTES = 32
CHALLENGES_A_MINUTE_MAX = 30


class TooManyChallenges(Exception):
    """The organization made so many challenges in the last minute that it could be bothering somebody."""


async def challenge(
    connection: Connection, org_id: UUID, endpoint_id: UUID, actor: UUID, now: datetime
) -> Delivery:
    """Send a challenge to an endpoint; raises `TooManyChallenges`."""
    recent: int = await connection.fetchval(
        "select count(*) from deliveries where org_id = $1 and made_at > $2 and type = $3",
        org_id,
        now - timedelta(minutes=1),
        CHALLENGE_TYPE,
    )
    if recent >= CHALLENGES_A_MINUTE_MAX:
        raise TooManyChallenges
    data = {"endpoint_id": str(endpoint_id), "challenge": secrets.token_urlsafe(CHALLENGE_BYTES)}
    return await send_own(connection, org_id, endpoint_id, actor, CHALLENGE_TYPE, data, now)


def judged(claim: Claim, attempt: Attempt) -> Attempt:
    """What came of a challenge: delivered only if it was echoed. Other attempts are what they are."""
    if not claim.is_challenge or not attempt.is_delivered:
        return attempt
    if is_echoed(from_json(claim.body)["data"]["challenge"], attempt.excerpt):
        return attempt
    return replace(attempt, outcome=Outcome.UNPROVED)


def is_echoed(wanted: str, answer: str) -> bool:
    """Whether an answer is the challenge and nothing else, as text or under its name in a JSON object."""
    text = answer.strip()
    if not text.startswith("{"):
        return secrets.compare_digest(text.encode(), wanted.encode())
    try:
        answered: dict[str, Any] = from_json(text)
    except ValueError:
        return False
    return answered.get("challenge") == wanted


async def note_proof(connection: Connection, claim: Claim, now: datetime) -> None:
    """The endpoint has proved itself, unless it has moved to another URL since the challenge was sent."""
    await connection.execute(
        "update webhook_endpoints set verified_at = $3, version = version + 1"
        " where org_id = $1 and endpoint_id = $2 and url = $4 and verified_at is null",
        claim.org_id,
        claim.endpoint_id,
        now,
        claim.url,
    )

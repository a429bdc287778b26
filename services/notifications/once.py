"""Commands that happen once: the answer to a key is kept in the transaction of what the command did.

Kept answers are sealed, since one of them contains the secret of an endpoint.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.chassis.clock import Clock
from libs.chassis.organizations import Organizations
from libs.chassis.sessions import Connection
from services.notifications.channels.webhooks.signing import Sealed, Sealer

TRY_LOCK = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command is answered with."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    was_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key in its scope, and what the request was that carries it."""

    org_id: UUID
    actor: UUID
    key: str
    request_hash: bytes

    @property
    def name(self) -> str:
        return f"{self.org_id}/{self.actor}/{self.key}"


class KeyInUse(Exception):
    """A request with the same key is still running."""


class KeyMisused(Exception):
    """The key was used before with another request."""


def request_hash(method: str, path: str, body: bytes) -> bytes:
    """What makes two requests the same: the operation and every byte of the body."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).digest()


Work = Callable[[Connection, datetime], Awaitable[Answer]]
# Raises unless whoever sends a request again may still be told that answer.
Readmit = Callable[[Connection, Answer], Awaitable[None]]


class Once:
    """Runs the work of a command in one transaction with its kept answer."""

    def __init__(self, organizations: Organizations, sealer: Sealer, clock: Clock) -> None:
        self._organizations = organizations
        self._sealer = sealer
        self._clock = clock

    async def run(self, org_id: UUID, key: Key | None, work: Work, readmit: Readmit | None = None) -> Answer:
        """The answer of the work, or the one kept under the key, for whom `readmit` still admits to it.

        Raises `KeyInUse`, `KeyMisused`, what work and `readmit` raise.
        """
        async with self._organizations.transaction(org_id) as connection:
            if key is None:
                return await work(connection, self._clock())
            if not await connection.fetchval(TRY_LOCK, key.name):
                raise KeyInUse
            kept = await self._kept(connection, key)
            if kept is not None:
                if readmit is not None:
                    await readmit(connection, kept)
                return kept
            answer = await work(connection, self._clock())
            await self._keep(connection, key, answer)
            return answer

    async def _kept(self, connection: Connection, key: Key) -> Answer | None:
        row = await connection.fetchrow(
            "select request_hash, status, headers, body_key_id, body_box from idempotency_keys"
            " where org_id = $1 and actor = $2 and key = $3",
            key.org_id,
            key.actor,
            key.key,
        )
        if row is None:
            return None
        if row["request_hash"] != key.request_hash:
            raise KeyMisused
        body = self._sealer.open(Sealed(row["body_key_id"], row["body_box"]), key.name)
        return Answer(row["status"], body, json.loads(row["headers"]), was_replayed=True)

    async def _keep(self, connection: Connection, key: Key, answer: Answer) -> None:
        sealed = self._sealer.seal(answer.body, key.name)
        await connection.execute(
            "insert into idempotency_keys (org_id, actor, key, request_hash, status, headers, body_key_id,"
            " body_box, recorded_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            key.org_id,
            key.actor,
            key.key,
            key.request_hash,
            answer.status,
            json.dumps(dict(answer.headers)),
            sealed.key_id,
            sealed.box,
            self._clock(),
        )

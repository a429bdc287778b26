"""What identifies a person: a profile, sealed with a key of the person's own, that can be erased for good.

Nothing of it is ever in an event. Once `person.erased` is in the log the key and the profile go; should the process
die before they do, whoever looks after them next sees to it.
"""

import secrets
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, PositiveInt
from pydantic_core import from_json, to_json

from libs.chassis.postgres import Connection, Database

KEY_BYTES = 32
NONCE_BYTES = 12

# An erased person gets no key again, whatever was under way when they were erased.
KEY = """
    insert into person_keys (org_id, person_id, key)
    select $1, $2, $3 where not exists (
        select from events where org_id = $1 and stream = 'member-' || $2::uuid and type = 'person.erased'
    )
    on conflict (org_id, person_id) do update set key = person_keys.key returning key
"""
WRITE = """
    insert into profiles (org_id, person_id, box) values ($1, $2, $3)
    on conflict (org_id, person_id) do update set box = $3, version = profiles.version + 1, revised_at = now()
    returning version
"""
READ = """
    select key, box, version from profiles join person_keys using (org_id, person_id)
    where org_id = $1 and person_id = $2
"""
PAGE = """
    select person_id, key, box, version, revised_at from profiles join person_keys using (org_id, person_id)
    where org_id = $1 and person_id > $2 order by person_id limit $3
"""
# Of two profiles of a person that were written apart, the one that was written more often is the newer one.
RESTORE = """
    insert into profiles (org_id, person_id, box, version, revised_at) values ($1, $2, $3, $4, $5)
    on conflict (org_id, person_id) do update set box = $3, version = $4, revised_at = $5 where profiles.version < $4
    returning version
"""
DESTROY_ERASED = """
    delete from person_keys where exists (
        select from events where events.org_id = person_keys.org_id
            and events.stream = 'member-' || person_keys.person_id and events.type = 'person.erased'
    )
"""


class SealedProfile(NamedTuple):
    """The JSON of a profile, and how often it was written."""

    body: bytes
    version: int


class KeptProfile(BaseModel, frozen=True):
    """A profile as it is written into an export, in the clear."""

    person_id: UUID
    version: PositiveInt
    revised_at: AwareDatetime
    profile: dict[str, Any]


class Profiles:
    """The profiles of every organization; a call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, org_id: UUID, person_id: UUID) -> SealedProfile | None:
        """The profile; `None` where none was written, or where it was erased."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(READ, org_id, person_id)
        if row is None:
            return None
        return SealedProfile(_opened(row["key"], row["box"], org_id, person_id), row["version"])

    async def page(self, org_id: UUID, after: UUID, limit: int) -> list[KeptProfile]:
        """Up to `limit` profiles of an organization in the order of their people, behind a person's."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(PAGE, org_id, after, limit)
        return [
            KeptProfile(
                person_id=row["person_id"],
                version=row["version"],
                revised_at=row["revised_at"],
                profile=from_json(_opened(row["key"], row["box"], org_id, row["person_id"])),
            )
            for row in rows
        ]

    async def write(self, org_id: UUID, person_id: UUID, body: bytes) -> int | None:
        """Seal a profile in place of the one before; returns its version, `None` for an erased person."""
        async with self._database.transaction() as connection:
            box = await _sealed(connection, org_id, person_id, body)
            if box is None:
                return None
            version: int = await connection.fetchval(WRITE, org_id, person_id, box)
            return version

    async def restore(self, org_id: UUID, kept: KeptProfile) -> str:
        """Seal a profile out of an export, unless it is here or its person was erased; tells what became of it."""
        async with self._database.transaction() as connection:
            box = await _sealed(connection, org_id, kept.person_id, to_json(kept.profile))
            if box is None:
                return "of erased people left out"
            version = await connection.fetchval(
                RESTORE, org_id, kept.person_id, box, kept.version, kept.revised_at
            )
            return "that were here" if version is None else "sealed"

    async def erase(self, org_id: UUID, person_id: UUID) -> None:
        """Destroy a person's key and with it their profile."""
        async with self._database.connection() as connection:
            await connection.execute(
                "delete from person_keys where org_id = $1 and person_id = $2", org_id, person_id
            )

    async def erase_whom_the_log_says(self) -> None:
        """Destroy what is still there of everybody the log says was erased."""
        async with self._database.connection() as connection:
            await connection.execute(DESTROY_ERASED)


async def _sealed(connection: Connection, org_id: UUID, person_id: UUID, body: bytes) -> bytes | None:
    """Seal with the person's key, a new one where they have none; `None` for an erased person."""
    key = await connection.fetchval(KEY, org_id, person_id, secrets.token_bytes(KEY_BYTES))
    if key is None:
        return None
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, body, _owner(org_id, person_id))


def _opened(key: bytes, box: bytes, org_id: UUID, person_id: UUID) -> bytes:
    return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _owner(org_id, person_id))


def _owner(org_id: UUID, person_id: UUID) -> bytes:
    """What a sealed profile belongs to, so that rows can not be swapped."""
    return f"{org_id}/profile/{person_id}".encode()

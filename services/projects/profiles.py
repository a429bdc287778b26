"""What identifies a person: a profile, sealed with a key of the person's own, that can be erased for good.

Nothing of it is ever in an event. Once `person.erased` is in the log the key and the profile go; should the process
die before they do, whoever looks after them next sees to it.
"""

import secrets
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.chassis.postgres import Database

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
        box, belongs_to = row["box"], _owner(org_id, person_id)
        return SealedProfile(
            AESGCM(row["key"]).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], belongs_to), row["version"]
        )

    async def write(self, org_id: UUID, person_id: UUID, body: bytes) -> int | None:
        """Seal a profile in place of the one before; returns its version, `None` for an erased person."""
        async with self._database.transaction() as connection:
            key = await connection.fetchval(KEY, org_id, person_id, secrets.token_bytes(KEY_BYTES))
            if key is None:
                return None
            nonce = secrets.token_bytes(NONCE_BYTES)
            box = nonce + AESGCM(key).encrypt(nonce, body, _owner(org_id, person_id))
            version: int = await connection.fetchval(WRITE, org_id, person_id, box)
            return version

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


def _owner(org_id: UUID, person_id: UUID) -> bytes:
    """What a sealed profile belongs to, so that rows can not be swapped."""
    return f"{org_id}/profile/{person_id}".encode()

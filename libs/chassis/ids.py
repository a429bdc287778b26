"""Ids, made and read the fast way: each is a `UUID`, equal to the standard library's, at a tenth of its price."""

from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto


def new_id() -> UUID:
    """An id that nobody has, in the order of time (UUID version 7)."""
    made: UUID = pgproto.UUID(uuid_utils.uuid7().bytes)
    return made


def read_uuid(text: str) -> UUID:
    """The UUID of 32 hexadecimal digits, with or without hyphens; raises `ValueError`, or `TypeError` for no text."""
    found: UUID = pgproto.UUID(text)
    return found


def canonical_uuid(text: str) -> UUID | None:
    """The UUID of 36 lower-case characters; `None` for every other text."""
    if len(text) != 36:
        return None
    try:
        found: UUID = pgproto.UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None

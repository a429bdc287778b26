"""The text of an API key: `mpk_<organization and key id in hexadecimal>_<secret in hexadecimal>`.

The secret is 256 random bits, so its SHA-256 is all that needs to be kept. The organization is part of the text,
so that no look-up ever crosses organizations.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

SECRET_BYTES = 32
FORM = re.compile(r"mpk_([0-9a-f]{32})([0-9a-f]{32})_([0-9a-f]{64})")
PREFIX = "mpk_"


@dataclass(frozen=True, slots=True)
class KeyText:
    """An API key as its holder presents it."""

    org_id: UUID
    api_key_id: UUID
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"{PREFIX}{self.org_id.hex}{self.api_key_id.hex}_{self.secret}"

    def has_hash(self, secret_hash: str | None) -> bool:
        """Whether this is the secret of that hash; takes the same time whatever the difference."""
        return secret_hash is not None and hmac.compare_digest(hash_of(self.secret), secret_hash)


def read(text: str) -> KeyText | None:
    """The parts of a key; `None` for what has another form."""
    found = FORM.fullmatch(text)
    return KeyText(UUID(hex=found[1]), UUID(hex=found[2]), found[3]) if found else None


def new_secret() -> str:
    """256 random bits in hexadecimal."""
    return secrets.token_hex(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal: what is recorded of it."""
    return hashlib.sha256(secret.encode()).hexdigest()

"""Signatures of webhooks (Standard Webhooks) and the secrets they are made with, sealed at rest.

A secret is shown once, when it is made; the database only ever holds it sealed with AES-GCM.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105
SECRET_BYTES = 32
NONCE_BYTES = 12
KEY_BYTES = 32


class SealBroken(Exception):
    """Sealed bytes cannot be opened: another key, other bytes, or they belong to somebody else."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted bytes and the id of the key that encrypted them."""

    key_id: str
    box: bytes


class Sealer:
    """Encrypts with its first key and opens with any of them, so that keys can be rotated."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("sealing needs a key")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = next(iter(keys))

    def seal(self, plain: bytes, belongs_to: str) -> Sealed:
        """Encrypt; the result only opens for the same `belongs_to`, so that rows cannot be swapped."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        box = nonce + self._ciphers[self._newest].encrypt(nonce, plain, belongs_to.encode())
        return Sealed(self._newest, box)

    def open(self, sealed: Sealed, belongs_to: str) -> bytes:
        """The plain bytes; raises `SealBroken`."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise SealBroken(f"there is no key {sealed.key_id!r}")
        try:
            return cipher.decrypt(sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:], belongs_to.encode())
        except InvalidTag as error:
            raise SealBroken("sealed bytes do not open with their key") from error

    def __repr__(self) -> str:
        return f"Sealer(keys={list(self._ciphers)})"


def read_keys(text: str) -> dict[str, bytes]:
    """Read `<key id>:<base64 of 32 bytes>[,…]`, the newest key first; raises `ValueError`."""
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        key_id, separator, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not separator or not key_id or len(key) != KEY_BYTES:
            raise ValueError("secrets keys read '<key id>:<base64 of 32 bytes>', separated by commas")
        keys[key_id] = key
    return keys


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it: `whsec_` and base64 of 256 random bits."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def belongs_to_endpoint(org_id: UUID, endpoint_id: UUID) -> str:
    return f"webhook-endpoint:{org_id}:{endpoint_id}"


def signed_headers(
    signing_secrets: Sequence[str], webhook_id: str, sent_at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers of Standard Webhooks, with one signature per secret (two while one is rotated)."""
    text = body.decode()
    signatures = [Webhook(secret).sign(webhook_id, sent_at, text) for secret in signing_secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }

"""An account key as NATS writes it: base 32 of what kind of key it is, its 32 bytes, and a checksum.

The library `nkeys` is published without a wheel, and images take nothing else; this is all we need of it.
"""

import base64
import binascii
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PUBLIC = bytes([0])  # base 32 makes it begin with A, for account
SEED = bytes([18 << 3, 0])  # … with SA, for the seed of an account
SECRET_BYTES = 32
CHECKSUM_BYTES = 2


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A key pair; `public` (`A…`) may be shown to anybody, `seed` (`SA…`) to nobody."""

    public: str
    seed: str = field(repr=False)
    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> "AccountKey":
        """A key of 256 random bits."""
        return cls.of(_written(SEED, os.urandom(SECRET_BYTES)))

    @classmethod
    def of(cls, seed: str) -> "AccountKey":
        """The pair of that seed; raises `ValueError` where it is none, or has a slip of the pen."""
        private = Ed25519PrivateKey.from_private_bytes(_read(SEED, seed))
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(_written(PUBLIC, public), seed, private)

    def sign(self, content: bytes) -> bytes:
        """The signature, 64 bytes of Ed25519."""
        return self._private.sign(content)


def _written(kind: bytes, content: bytes) -> str:
    text = kind + content
    return base64.b32encode(text + _checksum(text)).decode().rstrip("=")


def _read(kind: bytes, text: str) -> bytes:
    try:
        decoded = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        decoded = b""
    body, checksum = decoded[:-CHECKSUM_BYTES], decoded[-CHECKSUM_BYTES:]
    if not body.startswith(kind) or len(body) != len(kind) + SECRET_BYTES or checksum != _checksum(body):
        raise ValueError("must be the seed of a NATS account key, which begins with SA")
    return body[len(kind) :]


def _checksum(text: bytes) -> bytes:
    return binascii.crc_hqx(text, 0).to_bytes(CHECKSUM_BYTES, "little")

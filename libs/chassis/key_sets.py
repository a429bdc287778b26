"""The public keys that verify tokens, read again and again from one pinned place (`KeySource`).

The last good set counts until another one was read, so that an issuer that is away keeps nobody out.
"""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

RSA_ALGORITHMS = frozenset({"PS256", "PS384", "PS512", "RS256", "RS384", "RS512"})
# What a key of that type and curve can verify. Nothing symmetric, nothing that is not here.
ALGORITHMS_OF_KEY: Mapping[tuple[str, str | None], frozenset[str]] = {
    ("OKP", "Ed25519"): frozenset({"Ed25519", "EdDSA"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("RSA", None): RSA_ALGORITHMS,
}
ALGORITHMS = frozenset[str]().union(*ALGORITHMS_OF_KEY.values())
# The members of a JWK that must stay with its owner.
PRIVATE_MEMBERS = frozenset({"d", "dp", "dq", "k", "oth", "p", "q", "qi"})
RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 8_192
DOCUMENT_BYTES_MAX = 256 * 1024
KEYS_MAX = 100
FILE_REFRESH_SECONDS = 5.0
# A token of an unknown key may make us ask the issuer, but a thousand of them only once.
UNKNOWN_KEY_SECONDS = 60.0
MISSING_KEYS_SECONDS = 2.0

log = structlog.get_logger(__name__)


class KeysUnavailable(Exception):
    """The source of the keys could not be read, or what it holds is no set of public keys."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key and the algorithms whose signatures it may verify."""

    key: Key
    algorithms: frozenset[str]


class KeySource(Protocol):
    """Where keys come from."""

    @property
    def refresh_seconds(self) -> float:
        """How long after a look the next one is worth it."""

    async def read(self) -> bytes:
        """The JWKS document; raises `KeysUnavailable`."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A JWKS file, e.g. out of a ConfigMap."""

    path: Path
    refresh_seconds: float = FILE_REFRESH_SECONDS

    async def read(self) -> bytes:
        return await asyncio.to_thread(self.read_now)

    def read_now(self) -> bytes:
        """As `read`, blocking."""
        try:
            with self.path.open("rb") as file:
                return file.read(DOCUMENT_BYTES_MAX + 1)
        except OSError as error:
            raise KeysUnavailable(f"{self.path} cannot be read: {error.strerror}") from error


class SigningKeys:
    """The keys that count now, by key id. `run` keeps them fresh; requests only ever look."""

    def __init__(self, source: KeySource, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] | None = None
        self._document = b""
        self._asked_at = -UNKNOWN_KEY_SECONDS
        self._reading = asyncio.Lock()
        # Counts the sets: what was concluded from an earlier one has to be concluded anew.
        self.generation = 0

    @classmethod
    def of_file(cls, path: Path) -> "SigningKeys":
        """The keys of a file, known at once. Raises `KeysUnavailable`."""
        source = FileSource(path)
        keys = cls(source)
        keys._take(source.read_now())
        return keys

    @property
    def are_known(self) -> bool:
        """Whether a set was ever read; before that nobody can be let in, nor be told that they may not."""
        return self._keys is not None

    def find(self, key_id: str) -> VerifyingKey | None:
        """The key of that id; `None` if there is none, or no set was read yet."""
        return None if self._keys is None else self._keys.get(key_id)

    async def look_again(self) -> bool:
        """Ask the source, unless it was asked within the last minute; true if the keys are others now."""
        generation = self.generation
        async with self._reading:
            if generation == self.generation and self._clock() - self._asked_at >= UNKNOWN_KEY_SECONDS:
                with contextlib.suppress(KeysUnavailable):
                    await self._refresh()
        return generation != self.generation

    async def refresh(self) -> None:
        """Read the source now; raises `KeysUnavailable`, and the keys stay as they are."""
        async with self._reading:
            await self._refresh()

    async def run(self) -> None:
        """Keep the keys fresh for ever. A source that is away is asked again, and told of when that changes."""
        was_away = False
        while True:
            try:
                await self.refresh()
                was_away = False
            except KeysUnavailable as error:
                if not was_away:
                    log.warning("signing_keys_not_read", reason=str(error), have_some=self.are_known)
                was_away = True
            await asyncio.sleep(self._source.refresh_seconds if self.are_known else MISSING_KEYS_SECONDS)

    async def _refresh(self) -> None:
        self._asked_at = self._clock()
        self._take(await self._source.read())

    def _take(self, document: bytes) -> None:
        if document == self._document:
            return
        try:
            self._keys = usable_keys(document)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise KeysUnavailable(f"no set of public keys: {error}") from error
        self._document = document
        self.generation += 1
        log.info("signing_keys_read", key_ids=sorted(self._keys))


def usable_keys(document: bytes) -> Mapping[str, VerifyingKey]:
    """The keys of a JWKS that can verify tokens; those for encryption, without an id or too small are left out.

    Raises `ValueError` and what malformed content raises besides, if none is left, if two share an id, or if a
    private or symmetric key is among them: such a set must not be trusted.
    """
    if len(document) > DOCUMENT_BYTES_MAX:
        raise ValueError("the document is too long")
    entries = json.loads(document)["keys"]
    if len(entries) > KEYS_MAX:
        raise ValueError("more keys than anybody has")
    found: dict[str, VerifyingKey] = {}
    for entry in entries:
        if not PRIVATE_MEMBERS.isdisjoint(entry) or entry["kty"] == "oct":
            raise ValueError("a set must hold public keys alone")
        algorithms = _algorithms(entry)
        if not algorithms:
            continue
        if entry["kid"] in found:
            raise ValueError("two keys share an id")
        found[entry["kid"]] = VerifyingKey(import_key(entry), algorithms)
    if not found:
        raise ValueError("no key in it can verify a token")
    return MappingProxyType(found)


def _algorithms(entry: Mapping[str, Any]) -> frozenset[str]:
    """What this key may verify by its type and by what it says of itself; nothing if it is not for us."""
    algorithms = ALGORITHMS_OF_KEY.get((entry["kty"], entry.get("crv")), frozenset())
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ("verify",)):
        return frozenset()
    if not isinstance(entry.get("kid"), str) or not entry["kid"]:
        return frozenset()
    if entry["kty"] == "RSA" and not RSA_BITS_MIN <= _bits(entry["n"]) <= RSA_BITS_MAX:
        return frozenset()
    own = entry.get("alg")
    if own is None or (own in algorithms and entry["kty"] == "OKP"):
        return algorithms
    return algorithms & {own}


def _bits(number: str) -> int:
    """The length of a base64url number."""
    return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big").bit_length()

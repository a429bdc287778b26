"""Who is calling: a verified token becomes a `Caller`, and nothing else ever does.

Only asymmetric signatures by keys of a pinned file count; issuer and audience must match exactly.
"""

import base64
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import KeySet
from starlette.requests import Request

from libs.chassis.problems import Problem

ALGORITHMS = ("EdDSA", "Ed25519", "ES256", "RS256")
TOKEN_BYTES_MAX = 8 * 1024
CACHED_TOKENS_MAX = 10_000
LEEWAY_SECONDS = 60
SERVICE_AUDIENCE = "milepost-services"
ORGANIZATION_ROLES = frozenset({"owner", "admin", "member", "auditor"})
PROJECT_ROLES = frozenset({"manager", "contributor", "viewer", "stakeholder"})
# Anything that would let the token choose its own key is refused, not ignored.
HEADER_NAMES = frozenset({"alg", "kid", "typ"})
TOKEN_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A person acting in one organization, with the roles the token grants."""

    org_id: UUID
    actor: UUID
    org_role: str | None = None
    project_roles: Mapping[UUID, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class ServiceCaller:
    """Another service of ours, by name; it acts for no organization."""

    name: str


Identity = TypeVar("Identity")


class Algorithms(jws.JWSRegistry):
    """The accepted algorithms. Issuers still say `EdDSA` for `Ed25519`, which is fine."""

    max_header_length = TOKEN_BYTES_MAX

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


class TokenVerifier(Generic[Identity]):
    """Turns bearer tokens into identities. A token seen before costs a look-up until it expires."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        audience: str,
        read: Callable[[Mapping[str, Any]], Identity],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = {key.kid: key for key in keys if key.kid}
        self._registry = Algorithms(algorithms=ALGORITHMS)
        self._issuer = issuer
        self._audience = audience
        self._read = read
        self._clock = clock
        self._seen: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    def verify(self, token: str) -> Identity:
        """The identity behind a token; raises `Problem` 401, not saying what is wrong with it."""
        seen = self._seen.get(token)
        if seen is not None:
            if seen[1] > self._clock():
                self._seen.move_to_end(token)
                return seen[0]
            del self._seen[token]
        try:
            identity, expires_at = self._verified(token)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise unauthenticated("The access token is not valid.", "invalid_token") from error
        self._seen[token] = (identity, expires_at)
        if len(self._seen) > CACHED_TOKENS_MAX:
            self._seen.popitem(last=False)
        return identity

    def verify_header(self, authorization: str | None) -> Identity:
        """The identity behind an `Authorization` header's value; raises `Problem` 401."""
        if authorization is None or authorization[:7].lower() != "bearer ":
            raise unauthenticated("An access token is needed: `Authorization: Bearer <token>`.")
        return self.verify(authorization[7:].strip())

    def _verified(self, token: str) -> tuple[Identity, float]:
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            raise ValueError("too long, or no token")
        header = _strict_json(_decoded(token.partition(".")[0]))
        if not HEADER_NAMES.issuperset(header) or header["alg"] not in ALGORITHMS:
            raise ValueError("a header that is not ours")
        if str(header.get("typ", "JWT")).lower() not in TOKEN_TYPES:
            raise ValueError("not an access token")
        signed = jws.deserialize_compact(token, self._keys[header["kid"]], registry=self._registry)
        claims = _strict_json(signed.payload)
        return self._read(claims), self._check(claims)

    def _check(self, claims: Mapping[str, Any]) -> float:
        """Compare issuer, audience and times; returns when the token expires, seconds since the epoch."""
        audience = claims["aud"]
        audiences = audience if isinstance(audience, list) else [audience]
        now, expires_at = self._clock(), _seconds(claims["exp"])
        if claims["iss"] != self._issuer or self._audience not in audiences:
            raise ValueError("for somebody else")
        if now >= expires_at + LEEWAY_SECONDS or now < _seconds(claims.get("nbf", 0)) - LEEWAY_SECONDS:
            raise ValueError("not now")
        return expires_at + LEEWAY_SECONDS


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The person in a token's claims; `ValueError`, `KeyError` or `TypeError` where they are malformed."""
    org_role = claims.get("org_role")
    if org_role is not None and org_role not in ORGANIZATION_ROLES:
        raise ValueError("unknown organization role")
    project_roles = {UUID(project_id): role for project_id, role in claims.get("projects", {}).items()}
    if not PROJECT_ROLES.issuperset(project_roles.values()):
        raise ValueError("unknown project role")
    return Caller(UUID(claims["org"]), UUID(claims["sub"]), org_role, MappingProxyType(project_roles))


def service_of(claims: Mapping[str, Any]) -> ServiceCaller:
    """The service in a token's claims; raises `ValueError` if it claims to be in an organization."""
    if "org" in claims or not isinstance(claims["sub"], str) or not claims["sub"]:
        raise ValueError("not a service")
    return ServiceCaller(claims["sub"])


def person_verifier(jwks_file: Path, issuer: str, audience: str) -> TokenVerifier[Caller]:
    """Verifies people's tokens. Raises `OSError` or `ValueError` if the file is no set of public keys."""
    return TokenVerifier(read_keys(jwks_file), issuer=issuer, audience=audience, read=caller_of)


def service_verifier(jwks_file: Path, issuer: str) -> TokenVerifier[ServiceCaller]:
    """Verifies the tokens of services; no person's token passes, as its audience differs. Errors as above."""
    return TokenVerifier(read_keys(jwks_file), issuer=issuer, audience=SERVICE_AUDIENCE, read=service_of)


def read_keys(jwks_file: Path) -> KeySet:
    """The keys of a JWKS file; every one needs a `kid`, and a private or symmetric one is refused."""
    keys = KeySet.import_key_set(json.loads(jwks_file.read_text(encoding="utf-8")))
    if any(key.is_private or key.key_type == "oct" or not key.kid for key in keys):
        raise ValueError(f"{jwks_file} must hold public keys alone, each with a kid")
    return keys


def caller(request: Request) -> Caller:
    """The caller of a request; raises `Problem` 401."""
    return caller_in(request.app.state, request.headers.get("authorization"))


def caller_in(state: Any, authorization: str | None) -> Caller:
    """The caller an `Authorization` header names to the application with that state; raises `Problem` 401."""
    verifier: TokenVerifier[Caller] = state.token_verifier
    return verifier.verify_header(authorization)


def service_caller(request: Request) -> ServiceCaller:
    """The calling service, for internal operations; raises `Problem` 401."""
    verifier: TokenVerifier[ServiceCaller] = request.app.state.service_token_verifier
    return verifier.verify_header(request.headers.get("authorization"))


async def current_caller(request: Request) -> Caller:
    """`caller` as a FastAPI dependency, which must be a coroutine: others wait for a thread."""
    return caller(request)


def unauthenticated(detail: str, error: str | None = None) -> Problem:
    """The 401 of every refused token, with the challenge RFC 6750 asks for."""
    challenge = 'Bearer realm="milepost"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _strict_json(text: bytes) -> dict[str, Any]:
    """A JSON object in which no name occurs twice: two readers must not see two different tokens."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(items)
        if len(names) != len(items):
            raise ValueError("a name occurs twice")
        return names

    decoded = json.loads(text, object_pairs_hook=pairs)
    if not isinstance(decoded, dict):
        raise TypeError("not an object")
    return decoded


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a time")
    return float(value)

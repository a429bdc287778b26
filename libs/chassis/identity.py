"""Who is calling: a verified token becomes a `Person` or a `ServiceCaller`, and nothing else ever does.

Only asymmetric signatures by keys from a pinned place count; issuer and audience must match exactly.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.util import urlsafe_b64decode
from starlette.requests import Request

from libs.chassis import claims as says
from libs.chassis.claims import Claims, Expected
from libs.chassis.clock import epoch_seconds
from libs.chassis.faults import wrong_parameter
from libs.chassis.ids import canonical_uuid
from libs.chassis.key_sets import ALGORITHMS, SigningKeys
from libs.chassis.problems import Problem

TOKEN_BYTES_MAX = 8 * 1024
CACHED_TOKENS_MAX = 10_000
SERVICE_AUDIENCE = "milepost-services"
ORGANIZATION_HEADER = "Milepost-Organization"
ORGANIZATION_ROLES = frozenset({"owner", "admin", "member", "auditor"})
PROJECT_ROLES = frozenset({"manager", "contributor", "viewer", "stakeholder"})
# Anything that would let the token choose its own key is refused, not ignored; a thumbprint chooses nothing here.
HEADER_NAMES = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
TOKEN_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
# What decoding and checking may raise over hostile input. Nothing of it is told.
MALFORMED = (JoseError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What an API key may do (`libs.access.authorize.Action`) in the projects it reaches; `None`: in all."""

    actions: frozenset[str]
    project_ids: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A person acting in one organization with their roles, or a program with the scope of its key.

    `requires_if_match` is the organization's policy on commands that do not say which version they have seen.
    """

    org_id: UUID
    actor: UUID
    org_role: str | None = None
    project_roles: Mapping[UUID, str] = field(default_factory=lambda: MappingProxyType({}))
    key_scope: KeyScope | None = None
    requires_if_match: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Who a token speaks for, in the organization it names, if it names one. Its roles count in development only."""

    actor: UUID
    org_id: UUID | None
    org_role: str | None = None
    project_roles: Mapping[UUID, str] = field(default_factory=lambda: MappingProxyType({}))

    def acting_in(self, organization: str | None) -> Caller:
        """The person in one organization: the token's, or where it names none, the header's.

        Raises `Problem` 403 if header and token disagree, 422 if neither names one.
        """
        org_id = chosen_organization(self.org_id, organization)
        return Caller(org_id, self.actor, self.org_role, self.project_roles)


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


class UnknownKey(ValueError):
    """A token names a key that is in no set read so far."""


class TokenVerifier(Generic[Identity]):
    """Turns bearer tokens into identities. A token seen before costs a look-up until it, or its key, expires."""

    def __init__(
        self,
        keys: SigningKeys,
        expected: Expected,
        read: Callable[[Claims], Identity],
        *,
        clock: Callable[[], float] = epoch_seconds,
    ) -> None:
        self._keys = keys
        self._expected = expected
        self._read = read
        self._clock = clock
        self._registry = Algorithms(algorithms=sorted(ALGORITHMS))
        self._generation = keys.generation
        self._seen: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    async def identify(self, token: str) -> Identity:
        """The identity behind a token, after asking the issuer anew if it may just have changed its keys.

        Raises `Problem` 401, which does not say what is wrong, or 503 while no keys are known at all.
        """
        try:
            return self._checked(token)
        except UnknownKey:
            await self._keys.look_again()
        if not self._keys.are_known:
            raise Problem(503, "unavailable", headers={"Retry-After": "5"})
        try:
            return self._checked(token)
        except UnknownKey as error:
            raise unauthenticated("invalid_token") from error

    def _checked(self, token: str) -> Identity:
        try:
            return self._known(token) or self._verified(token)
        except UnknownKey:
            raise
        except MALFORMED as error:
            raise unauthenticated("invalid_token") from error

    def _known(self, token: str) -> Identity | None:
        if self._generation != self._keys.generation:
            # A key may have been taken out of the set because it was stolen.
            self._generation = self._keys.generation
            self._seen.clear()
        seen = self._seen.get(token)
        if seen is None:
            return None
        if seen[1] <= self._clock():
            del self._seen[token]
            return None
        self._seen.move_to_end(token)
        return seen[0]

    def _verified(self, token: str) -> Identity:
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            raise ValueError("too long, or no token")
        header = says.strict_object(urlsafe_b64decode(token.partition(".")[0].encode()))
        if not HEADER_NAMES.issuperset(header) or header["alg"] not in ALGORITHMS:
            raise ValueError("a header that is not ours")
        if header.get("typ", "JWT").lower() not in TOKEN_TYPES:
            raise ValueError("not an access token")
        key = self._keys.find(header["kid"])
        if key is None:
            raise UnknownKey
        if header["alg"] not in key.algorithms:
            raise ValueError("not what this key is for")
        signed = jws.deserialize_compact(token, key.key, registry=self._registry)
        claims = says.strict_object(signed.payload)
        expires_at = says.expiry(claims, self._expected, self._clock())
        says.require_access_token(claims)
        identity = self._read(claims)
        self._seen[token] = (identity, expires_at)
        if len(self._seen) > CACHED_TOKENS_MAX:
            self._seen.popitem(last=False)
        return identity


def person_of(claims: Claims, organization_claim: str = "org") -> Person:
    """The person in a token's claims; `ValueError`, `KeyError` or `TypeError` where they are malformed."""
    org_role = claims.get("org_role")
    if org_role is not None and org_role not in ORGANIZATION_ROLES:
        raise ValueError("unknown organization role")
    project_roles = {UUID(project_id): role for project_id, role in claims.get("projects", {}).items()}
    if not PROJECT_ROLES.issuperset(project_roles.values()):
        raise ValueError("unknown project role")
    org_id = says.organization_id(claims, organization_claim)
    return Person(says.person_id(claims), org_id, org_role, MappingProxyType(project_roles))


def service_of(claims: Claims) -> ServiceCaller:
    """The service in a token's claims; raises `ValueError` if it claims to be in an organization."""
    return ServiceCaller(says.service_name(claims))


def person_verifier(
    keys: SigningKeys,
    issuer: str,
    audience: str,
    lifetime_seconds_max: float,
    organization_claim: str = "org",
) -> TokenVerifier[Person]:
    """Verifies people's tokens, of at most that lifetime; one that is for services as well is refused."""
    expected = Expected(issuer, audience, SERVICE_AUDIENCE, lifetime_seconds_max)
    return TokenVerifier(keys, expected, partial(person_of, organization_claim=organization_claim))


def service_verifier(
    keys: SigningKeys, issuer: str, audience: str, lifetime_seconds_max: float
) -> TokenVerifier[ServiceCaller]:
    """Verifies the tokens of services; no person's token passes, as its `audience` differs."""
    expected = Expected(issuer, SERVICE_AUDIENCE, audience, lifetime_seconds_max)
    return TokenVerifier(keys, expected, service_of)


def chosen_organization(own: UUID | None, header: str | None) -> UUID:
    """The organization a credential is for, or the one `Milepost-Organization` names where it is for none.

    Roles come from the directory, so naming an organization opens nothing. Raises `Problem` 403 or 422.
    """
    named = None if header is None else canonical_uuid(header)
    if header is not None and named is None:
        raise wrong_parameter(ORGANIZATION_HEADER, "It takes the organization's id.")
    if own is not None and named is not None and own != named:
        raise Problem(403, "not_a_member")
    chosen = own or named
    if chosen is None:
        raise wrong_parameter(ORGANIZATION_HEADER, "Your token names no organization: name it here.")
    return chosen


def bearer_token(authorization: str | None) -> str:
    """The token in an `Authorization` header's value; raises `Problem` 401 where there is none."""
    if authorization is None or authorization[:7].lower() != "bearer ":
        raise unauthenticated()
    return authorization[7:]


def require_one_authorization(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise `Problem` 401 if there are two: one reader would believe the first, another one the last."""
    if sum(name == b"authorization" for name, _ in headers) > 1:
        raise unauthenticated("invalid_token")


async def service_caller(request: Request) -> ServiceCaller:
    """The calling service, for internal operations; raises `Problem` 401."""
    verifier: TokenVerifier[ServiceCaller] = request.app.state.service_token_verifier
    return await verifier.identify(bearer_token(request.headers.get("authorization")))


def unauthenticated(error: str | None = None) -> Problem:
    """The 401 of every refused token, always the same, with the challenge RFC 6750 asks for."""
    challenge = 'Bearer realm="milepost"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthenticated", headers={"WWW-Authenticate": challenge})

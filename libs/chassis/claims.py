"""What the claims of a verified token must say before anybody is believed to be anybody. No I/O, no clock of its own.

Every function raises `ValueError`, `TypeError` or `KeyError` for claims that are missing, malformed or not for us.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from libs.chassis.ids import canonical_uuid

LEEWAY_SECONDS = 60
SUBJECT_CHARACTERS_MAX = 255
AUDIENCES_MAX = 16
# Only ever in ID tokens, and in the tokens by which an issuer tells of logouts.
ID_TOKEN_CLAIMS = frozenset({"at_hash", "c_hash", "s_hash", "events"})
# Keycloak and Cognito say in a claim what a token is for.
ACCESS_TOKEN_USES: Mapping[str, frozenset[str]] = {
    "typ": frozenset({"bearer", "jwt", "at+jwt"}),
    "token_use": frozenset({"access"}),
}

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be: from whom, for whom, for whom it must not be as well, and how long it may live."""

    issuer: str
    audience: str
    other_audience: str
    lifetime_seconds_max: float


def strict_object(text: bytes) -> dict[str, Any]:
    """A JSON object in which no name occurs twice and every number is one: two readers must read the same."""
    # From bytes, the library would also guess UTF-16 and UTF-32.
    decoded = json.loads(text.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refused)
    if not isinstance(decoded, dict):
        raise TypeError("not an object")
    return decoded


def expiry(claims: Claims, expected: Expected, now: float) -> float:
    """When a token that counts now stops counting, leeway included; seconds since the epoch, like `now`."""
    if claims["iss"] != expected.issuer:
        raise ValueError("from somebody else")
    audiences = _audiences(claims["aud"])
    if expected.audience not in audiences or expected.other_audience in audiences:
        raise ValueError("for somebody else")
    issued_at, expires_at = _seconds(claims["iat"]), _seconds(claims["exp"])
    # Most issuers leave `nbf` out; then a token counts from when it was issued.
    begins_at = max(issued_at, _seconds(claims.get("nbf", issued_at)))
    if not 0 < expires_at - issued_at <= expected.lifetime_seconds_max:
        raise ValueError("lives too long, or not at all")
    if now >= expires_at + LEEWAY_SECONDS or now < begins_at - LEEWAY_SECONDS:
        raise ValueError("not now")
    return expires_at + LEEWAY_SECONDS


def require_access_token(claims: Claims) -> None:
    """Refuse ID tokens, refresh tokens and logout tokens, which an issuer signs with the same key.

    An ID token is recognized by a hash of what came with it, or, where it grants no scope, by a `nonce` or by
    being made for the very client that asked for it (`azp`). Beyond that only the audience tells: it must be that
    of an API, never a client id.
    """
    if not ID_TOKEN_CLAIMS.isdisjoint(claims):
        raise ValueError("an ID token or an event")
    for name, uses in ACCESS_TOKEN_USES.items():
        if name in claims and claims[name].lower() not in uses:
            raise ValueError("a token for another use")
    is_without_scope = "scope" not in claims and "scp" not in claims
    if is_without_scope and ("nonce" in claims or _audiences(claims["aud"]) == [claims.get("azp")]):
        raise ValueError("an ID token")


def person_id(claims: Claims) -> UUID:
    """The id of the person: `sub` where it is a UUID in its usual form, otherwise one made of issuer and `sub`.

    `uuid5(uuid5(NAMESPACE_URL, iss), sub)`: the same person has the same id for ever, here and anywhere else.
    """
    subject = _subject(claims)
    own = canonical_uuid(subject)
    return own or uuid5(uuid5(NAMESPACE_URL, claims["iss"]), subject)


def organization_id(claims: Claims, name: str) -> UUID | None:
    """The organization in the claim `name`; `None` if the token names none."""
    if name not in claims:
        return None
    found = canonical_uuid(claims[name])
    if found is None:
        raise ValueError("not an organization's id")
    return found


def service_name(claims: Claims) -> str:
    """The service a token was issued to; it must not claim to be in an organization."""
    if "org" in claims:
        raise ValueError("not a service")
    return _subject(claims)


def _subject(claims: Claims) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
        raise ValueError("not a subject")
    if not (subject.isascii() and subject.isprintable()) or subject != subject.strip():
        raise ValueError("not a subject either")
    return subject


def _audiences(audience: Any) -> list[str]:
    audiences = audience if isinstance(audience, list) else [audience]
    if len(audiences) > AUDIENCES_MAX or not all(isinstance(each, str) for each in audiences):
        raise TypeError("not an audience")
    return audiences


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a time")
    # 2^53 is far beyond every date, and the last whole number a float is sure of.
    if not 0 <= value <= 2**53 or not math.isfinite(value):
        raise ValueError("not a time on earth")
    return float(value)


def _distinct(items: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(items)
    if len(names) != len(items):
        raise ValueError("a name occurs twice")
    return names


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")

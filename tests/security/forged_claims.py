"""Tokens that are signed well and say something wrong."""

import json
import time
from collections.abc import Iterator
from typing import Any

from libs.chassis.identity import SERVICE_AUDIENCE
from tests.support.providers import Provider

ORGANIZATION = "01987e9c-0000-7000-8000-000000000001"
ANN = "01987e9c-0000-7000-8000-000000000002"
QUARTER_SECONDS = 900


def now() -> int:
    """The instant at which a token is forged: the provider dates the rest of it by its own clock."""
    return int(time.time())


def good(provider: Provider, **changes: Any) -> dict[str, Any]:
    """What a member's token says; a change to `None` leaves the claim out."""
    return provider.claims(**{"sub": ANN, "org": ORGANIZATION, "org_role": "member", **changes})


def wrong_parties(issuer: str, audience: str) -> dict[str, list[Any]]:
    """From whom and for whom a token must not be; `None` leaves the claim out."""
    issuers = ["https://evil.example", issuer + "/", issuer[:-1], issuer + ".evil.example", issuer.upper()]
    audiences = ["somebody-else", audience + "x", audience[:-1], audience.upper(), "mile*", SERVICE_AUDIENCE]
    lists = [[], [audience + "x"], [[audience]], [audience, 1], [audience, SERVICE_AUDIENCE], [audience] * 17]
    return {
        "iss": [None, "", *issuers, [issuer], {issuer: 1}, 1, f" {issuer}"],
        "aud": [None, "", *audiences, *lists, {audience: 1}, 1],
    }


def wrong_persons() -> dict[str, list[Any]]:
    """Whom a token must not name."""
    own = ORGANIZATION
    misspelt = [own.upper(), own.replace("-", ""), f"{{{own}}}", own + "\n", "x", "../etc", ""]
    texts = ["", " ", "a" * 256, "ann\n", "änn", "ann\u202e", " " + ANN]
    return {
        "sub": [None, 42, True, [ANN], {"sub": ANN}, *texts],
        "org": [42, True, [own], {}, *misspelt],
        "org_role": ["god", "Owner", ["owner"], True],
        "projects": [[ANN], "all", {"*": "manager"}, {ANN: "god"}, {ANN: ["viewer"]}],
    }


def wrong_times() -> dict[str, list[Any]]:
    """When a token must not count."""
    instant = now()
    none: list[Any] = [True, [], {}, str(instant), -1, 10**30, 10**400]
    too_late = instant + QUARTER_SECONDS + 100
    return {
        "exp": [None, "", False, 0, 1e308, *none, instant - 3_600, too_late, instant],
        "iat": [None, *none, instant + 3_600, instant - 1_000],
        "nbf": [*none, instant + 3_600],
    }


def forged_claims(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    """Each wrong value by itself in an otherwise good token."""
    wrong = wrong_parties(provider.issuer, provider.audience) | wrong_persons() | wrong_times()
    for claim, values in wrong.items():
        for value in values:
            token = provider.token(good(provider, **{claim: value}))
            yield f"{claim} {str(value)[:60]!r} {type(value).__name__}", token
    instant = now()
    long_ago = {"iat": instant - 1_000, "nbf": instant - 1_000}
    yield "expired", provider.token(good(provider, **long_ago, exp=instant - 400))
    yield "just expired, beyond the leeway", provider.token(good(provider, **long_ago, exp=instant - 61))
    soon = {"iat": instant + 120, "nbf": instant + 120, "exp": instant + 600}
    yield "not valid yet", provider.token(good(provider, **soon))
    for constant in ("NaN", "Infinity", "-Infinity", "1e999"):
        text = json.dumps(good(provider, exp=0)).replace('"exp": 0', f'"exp": {constant}')
        yield f"exp {constant}", provider.token_of({"alg": "EdDSA", "kid": "ed"}, text.encode())

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
NOW = int(time.time())


def good(provider: Provider, **changes: Any) -> dict[str, Any]:
    """What a member's token says; a change to `None` leaves the claim out."""
    return provider.claims(**{"sub": ANN, "org": ORGANIZATION, "org_role": "member", **changes})


def wrong_values(issuer: str, audience: str) -> dict[str, list[Any]]:
    """Values that a claim must not have; `None` leaves it out."""
    other_issuers = [
        "https://evil.example",
        issuer + "/",
        issuer[:-1],
        issuer + ".evil.example",
        issuer.upper(),
    ]
    other_audiences = [
        "somebody-else",
        audience + "x",
        audience[:-1],
        audience.upper(),
        "mile*",
        SERVICE_AUDIENCE,
    ]
    lists = [[], [audience + "x"], [[audience]], [audience, 1], [audience, SERVICE_AUDIENCE], [audience] * 17]
    misspelt = [
        ORGANIZATION.upper(),
        ORGANIZATION.replace("-", ""),
        f"{{{ORGANIZATION}}}",
        ORGANIZATION + "\n",
    ]
    no_times: list[Any] = [True, [], {}, str(NOW), -1, 10**30, 10**400]
    return {
        "iss": [None, "", *other_issuers, [issuer], {issuer: 1}, 1, f" {issuer}"],
        "aud": [None, "", *other_audiences, *lists, {audience: 1}, 1],
        "exp": [None, "", False, 0, 1e308, *no_times, NOW - 3_600, NOW + QUARTER_SECONDS + 100, NOW],
        "iat": [None, *no_times, NOW + 3_600, NOW - 1_000],
        "nbf": [*no_times, NOW + 3_600],
        "sub": [
            None,
            "",
            " ",
            42,
            True,
            [ANN],
            {"sub": ANN},
            "a" * 256,
            "ann\n",
            "änn",
            "ann\u202e",
            " " + ANN,
        ],
        "org": ["", "x", "../etc", 42, True, [ORGANIZATION], {}, *misspelt],
        "org_role": ["god", "Owner", ["owner"], True],
        "projects": [[ANN], "all", {"*": "manager"}, {ANN: "god"}, {ANN: ["viewer"]}],
    }


def forged_claims(provider: Provider, _: Provider) -> Iterator[tuple[str, str]]:
    """Each wrong value by itself in an otherwise good token."""
    for claim, values in wrong_values(provider.issuer, provider.audience).items():
        for value in values:
            token = provider.token(good(provider, **{claim: value}))
            yield f"{claim} {str(value)[:60]!r} {type(value).__name__}", token
    for constant in ("NaN", "Infinity", "-Infinity", "1e999"):
        text = json.dumps(good(provider, exp=0)).replace('"exp": 0', f'"exp": {constant}')
        yield f"exp {constant}", provider.token_of({"alg": "EdDSA", "kid": "ed"}, text.encode())

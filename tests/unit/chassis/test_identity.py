"""Tokens: one way in, and every known way around it closed."""

import base64
import json
import time
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from libs.chassis.development_issuer import AUDIENCE, ISSUER, DevelopmentIssuer, seconds_of
from libs.chassis.identity import (
    SERVICE_AUDIENCE,
    Caller,
    ServiceCaller,
    TokenVerifier,
    person_verifier,
    read_keys,
    service_verifier,
)
from libs.chassis.problems import Problem

ORGANIZATION = UUID("01987e9c-0000-7000-8000-000000000001")
ANN = UUID("01987e9c-0000-7000-8000-000000000002")
APOLLO = UUID("01987e9c-0000-7000-8000-000000000003")
CLAIMS: dict[str, Any] = {"sub": str(ANN), "org": str(ORGANIZATION), "aud": AUDIENCE}


@pytest.fixture
def verifier(issuer: DevelopmentIssuer) -> TokenVerifier[Caller]:
    return person_verifier(issuer.jwks_file, ISSUER, AUDIENCE)


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_token_becomes_a_caller_with_its_roles(
    issuer: DevelopmentIssuer, verifier: TokenVerifier[Caller]
) -> None:
    token = issuer.mint(org_id=ORGANIZATION, actor=ANN, org_role="member", project_roles={APOLLO: "manager"})
    assert verifier.verify_header(f"Bearer {token}") == Caller(
        ORGANIZATION, ANN, "member", {APOLLO: "manager"}
    )


def test_a_caller_without_roles_is_a_caller_still(
    issuer: DevelopmentIssuer, verifier: TokenVerifier[Caller]
) -> None:
    assert verifier.verify(issuer.sign(CLAIMS, 60)) == Caller(ORGANIZATION, ANN)


def test_a_service_token_opens_internal_operations_only(
    issuer: DevelopmentIssuer, verifier: TokenVerifier[Caller]
) -> None:
    services = service_verifier(issuer.jwks_file, ISSUER)
    token = issuer.mint_service("timeline")
    assert services.verify(token) == ServiceCaller("timeline")
    with pytest.raises(Problem):
        verifier.verify(token)
    with pytest.raises(Problem):
        services.verify(issuer.mint(org_id=ORGANIZATION, actor=ANN, org_role="owner"))


NOW = int(time.time())
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "wrong audience": {"aud": "somebody-else"},
    "audience as a part of a word": {"aud": AUDIENCE + "x"},
    "audience of services": {"aud": SERVICE_AUDIENCE},
    "no audience": {"aud": None},
    "wrong issuer": {"iss": "https://evil.example"},
    "issuer as a prefix": {"iss": ISSUER + ".evil.example"},
    "issuer in capitals": {"iss": ISSUER.upper()},
    "issuer list": {"iss": [ISSUER]},
    "expired": {"exp": NOW - 3_600},
    "expiry is text": {"exp": str(NOW + 60)},
    "expiry is true": {"exp": True},
    "expiry missing": {"exp": None},
    "not valid yet": {"nbf": NOW + 3_600},
    "no subject": {"sub": None},
    "subject is no id": {"sub": "ann"},
    "no organization": {"org": None},
    "organization is no id": {"org": "../etc"},
    "organization is a list": {"org": [str(ORGANIZATION)]},
    "unknown organization role": {"org_role": "god"},
    "organization role is a list": {"org_role": ["owner"]},
    "unknown project role": {"projects": {str(APOLLO): "god"}},
    "project is no id": {"projects": {"*": "manager"}},
    "projects are a list": {"projects": [str(APOLLO)]},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_wrong_claim_opens_nothing(
    issuer: DevelopmentIssuer, verifier: TokenVerifier[Caller], claims: dict[str, Any]
) -> None:
    with pytest.raises(Problem) as refused:
        verifier.verify(issuer.sign({**CLAIMS, **claims}, 60))
    assert (refused.value.status, refused.value.code) == (401, "unauthenticated")
    assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]


def signed(issuer: DevelopmentIssuer, header: Any, payload: Any = None) -> str:
    """A token whose signature is right, whatever its header and payload say."""
    private = json.loads((issuer.jwks_file.parent / "private.json").read_text())
    seed = base64.urlsafe_b64decode(private["d"] + "=")
    default = {**CLAIMS, "iss": ISSUER, "exp": NOW + 600}
    message = f"{encoded(header)}.{encoded(default if payload is None else payload)}"
    return f"{message}.{encoded(Ed25519PrivateKey.from_private_bytes(seed).sign(message.encode()))}"


def hostile_headers(
    issuer: DevelopmentIssuer, stranger: OKPKey, own: dict[str, Any], claims: dict[str, Any]
) -> dict[str, str]:
    """Tokens that try to choose their own key, or to be read in two ways."""
    twice = json.dumps(claims)[:-1].encode() + f', "sub": "{ANN}"}}'.encode()
    return {
        "brings its key": signed(issuer, {**own, "jwk": stranger.as_dict(private=False)}),
        "names its key's URL": signed(issuer, {**own, "jku": "https://evil.example/"}),
        "names a certificate": signed(issuer, {**own, "x5u": "https://evil.example/"}),
        "unknown critical header": signed(issuer, {**own, "crit": ["x"], "x": 1}),
        "unencoded payload": signed(issuer, {**own, "b64": False, "crit": ["b64"]}),
        "key id with a path": signed(issuer, {**own, "kid": "../../dev/null"}),
        "key id with SQL": signed(issuer, {**own, "kid": "' or 1=1 --"}),
        "key id as an object": signed(issuer, {**own, "kid": {}}),
        "no key id": signed(issuer, {"alg": "EdDSA"}),
        "an ID token": signed(issuer, {**own, "typ": "id+jwt"}),
        "a type that is no text": signed(issuer, {**own, "typ": ["JWT"]}),
        "a header twice": signed(issuer, b'{"alg":"none","alg":"EdDSA","kid":"development"}'),
        "a claim twice": signed(issuer, own, twice),
        "header is a list": signed(issuer, []),
        "payload is a list": signed(issuer, own, []),
        "header is deep": signed(issuer, b"[" * 5_000),
    }


def forgeries(issuer: DevelopmentIssuer) -> dict[str, str]:
    good = issuer.mint(org_id=ORGANIZATION, actor=ANN, org_role="owner")
    header, payload, signature = good.split(".")
    claims = {**CLAIMS, "iss": ISSUER, "exp": NOW + 60}
    stranger = OKPKey.generate_key("Ed25519", parameters={"kid": "development"})
    secret = OctKey.import_key(issuer.jwks_file.read_bytes())
    own = {"alg": "EdDSA", "kid": "development"}
    by_id = {"alg": "Ed25519", "kid": "development"}
    return hostile_headers(issuer, stranger, own, claims) | {
        "nothing": "",
        "no token": "hello",
        "two parts": f"{header}.{payload}",
        "five parts": f"{good}.a.b",
        "no signature": f"{header}.{payload}.",
        "another signature": f"{header}.{payload}.{encoded(bytes(64))}",
        "another payload": f"{header}.{encoded(claims)}.{signature}",
        "alg none": f"{encoded({'alg': 'none'})}.{payload}.",
        "alg none, with kid": f"{encoded({'alg': 'none', 'kid': 'development'})}.{payload}.",
        "alg None": signed(issuer, {**own, "alg": "None"}),
        "alg as a list": signed(issuer, {**own, "alg": ["EdDSA"]}),
        "public key as secret": jwt.encode({**own, "alg": "HS256"}, claims, secret, algorithms=["HS256"]),
        "another key": jwt.encode(by_id, claims, stranger, algorithms=["Ed25519"]),
        "another key's type": jwt.encode({**own, "alg": "RS256"}, claims, RSAKey.generate_key(2048)),
        "too long": signed(issuer, own, {**claims, "padding": "A" * 8_192}),
        "not ASCII": good[:-1] + "é",
        "a line break": good[:20] + "\n" + good[20:],
    }


FORGERIES = 33


def test_the_forger_can_sign(issuer: DevelopmentIssuer, verifier: TokenVerifier[Caller]) -> None:
    for header in (
        {"alg": "EdDSA", "kid": "development"},
        {"alg": "Ed25519", "kid": "development", "typ": "JWT"},
    ):
        assert verifier.verify(signed(issuer, header)).actor == ANN


@pytest.mark.parametrize("number", range(FORGERIES))
def test_a_forged_token_opens_nothing(
    issuer: DevelopmentIssuer, verifier: TokenVerifier[Caller], number: int
) -> None:
    attempts = forgeries(issuer)
    assert len(attempts) == FORGERIES
    name, token = list(attempts.items())[number]
    with pytest.raises(Problem) as refused:
        verifier.verify(token)
    assert refused.value.status == 401, name
    assert token not in refused.value.detail or token == ""


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "bearer: x", "Token x"])
def test_without_a_bearer_token_nobody_gets_in(verifier: TokenVerifier[Caller], header: str | None) -> None:
    with pytest.raises(Problem) as refused:
        verifier.verify_header(header)
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="milepost"'}


def test_a_token_seen_before_still_expires(issuer: DevelopmentIssuer) -> None:
    now = time.time()
    verifier = TokenVerifier(
        read_keys(issuer.jwks_file), issuer=ISSUER, audience=AUDIENCE, read=dict, clock=lambda: now
    )
    token = issuer.sign(CLAIMS, 600)
    verifier.verify(token)
    verifier.verify(token)
    now += 3_600
    with pytest.raises(Problem):
        verifier.verify(token)


def test_a_key_file_with_a_private_key_is_refused(issuer: DevelopmentIssuer) -> None:
    private = json.loads((issuer.jwks_file.parent / "private.json").read_text())
    exposed = issuer.jwks_file.parent / "exposed.json"
    exposed.write_text(json.dumps({"keys": [private]}))
    with pytest.raises(ValueError, match="public keys alone"):
        read_keys(exposed)


def test_the_development_issuer_refuses_production(
    monkeypatch: pytest.MonkeyPatch, issuer: DevelopmentIssuer
) -> None:
    monkeypatch.setenv("MILEPOST_ENVIRONMENT", "production")
    with pytest.raises(PermissionError):
        DevelopmentIssuer(issuer.jwks_file.parent)


def test_the_private_key_is_readable_by_its_owner_alone(issuer: DevelopmentIssuer) -> None:
    assert (issuer.jwks_file.parent / "private.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)]
)
def test_lifetimes_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "12", "h", "-1h", "1.5h", "12 h", "1y"])
def test_other_lifetimes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lifetime"):
        seconds_of(text)

"""Tokens: who they make of somebody, for how long, and what an issuer's change of keys means to them."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from libs.chassis.claims import Expected
from libs.chassis.development_issuer import AUDIENCE, ISSUER, DevelopmentIssuer, seconds_of
from libs.chassis.identity import (
    SERVICE_AUDIENCE,
    Person,
    ServiceCaller,
    TokenVerifier,
    bearer_token,
    person_of,
    person_verifier,
    service_verifier,
)
from libs.chassis.issuer_keys import IssuerSource
from libs.chassis.key_sets import KeysUnavailable, SigningKeys
from libs.chassis.problems import Problem
from tests.support.providers import ALGORITHM_OF_KEY, Provider, serving_keys

ORGANIZATION = UUID("01987e9c-0000-7000-8000-000000000001")
OTHER = UUID("01987e9c-0000-7000-8000-000000000009")
ANN = UUID("01987e9c-0000-7000-8000-000000000002")
APOLLO = UUID("01987e9c-0000-7000-8000-000000000003")
QUARTER_SECONDS = 900


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture
def jwks_file(provider: Provider, tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_bytes(provider.jwks())
    return file


def verifier_of(
    provider: Provider, keys: SigningKeys, clock: Callable[[], float] = time.time
) -> TokenVerifier[Person]:
    expected = Expected(provider.issuer, provider.audience, SERVICE_AUDIENCE, QUARTER_SECONDS)
    return TokenVerifier(keys, expected, person_of, clock=clock)


def good(provider: Provider, **changes: Any) -> dict[str, Any]:
    return provider.claims(**{"sub": str(ANN), "org": str(ORGANIZATION), **changes})


async def refused(verifier: TokenVerifier[Any], token: str) -> Problem:
    with pytest.raises(Problem) as raised:
        await verifier.identify(token)
    return raised.value


@pytest.mark.parametrize("key_id", list(ALGORITHM_OF_KEY))
async def test_a_token_of_every_kind_of_key_becomes_a_person(
    provider: Provider, jwks_file: Path, key_id: str
) -> None:
    verifier = verifier_of(provider, SigningKeys.of_file(jwks_file))
    assert await verifier.identify(provider.token(good(provider), key_id)) == Person(ANN, ORGANIZATION)


async def test_the_development_issuer_grants_roles(issuer: DevelopmentIssuer) -> None:
    verifier = person_verifier(SigningKeys.of_file(issuer.jwks_file), ISSUER, AUDIENCE, 86_400)
    token = issuer.mint(org_id=ORGANIZATION, actor=ANN, org_role="member", project_roles={APOLLO: "manager"})
    assert await verifier.identify(token) == Person(ANN, ORGANIZATION, "member", {APOLLO: "manager"})


async def test_a_token_for_services_is_none_for_people_and_the_other_way_round(
    issuer: DevelopmentIssuer,
) -> None:
    keys = SigningKeys.of_file(issuer.jwks_file)
    people = person_verifier(keys, ISSUER, AUDIENCE, 2 * 365 * 86_400)
    services = service_verifier(keys, ISSUER, AUDIENCE, 2 * 365 * 86_400)
    assert await services.identify(issuer.mint_service("timeline")) == ServiceCaller("timeline")
    assert (await refused(people, issuer.mint_service("timeline"))).status == 401
    for token in (
        issuer.mint(org_id=ORGANIZATION, actor=ANN, org_role="owner"),
        issuer.sign({"sub": "timeline", "aud": SERVICE_AUDIENCE, "org": str(ORGANIZATION)}, 60),
        issuer.sign({"sub": "timeline", "aud": [SERVICE_AUDIENCE, AUDIENCE]}, 60),
    ):
        assert (await refused(services, token)).status == 401
    both = {"sub": str(ANN), "org": str(ORGANIZATION), "aud": [AUDIENCE, SERVICE_AUDIENCE]}
    assert (await refused(people, issuer.sign(both, 60))).status == 401


async def test_a_subject_that_is_no_uuid_is_the_same_person_for_ever(
    provider: Provider, jwks_file: Path
) -> None:
    verifier = verifier_of(provider, SigningKeys.of_file(jwks_file))
    seen = [
        (await verifier.identify(provider.token(good(provider, sub=subject)))).actor
        for subject in ("auth0|42", "auth0|42", "Auth0|42", str(ANN).upper(), ANN.hex)
    ]
    assert seen[0] == seen[1] == uuid5(uuid5(NAMESPACE_URL, provider.issuer), "auth0|42")
    assert len(set(seen)) == 4
    assert ANN not in seen


async def test_the_organization_is_the_tokens_or_the_headers_where_the_token_names_none() -> None:
    assert Person(ANN, ORGANIZATION).acting_in(None).org_id == ORGANIZATION
    assert Person(ANN, ORGANIZATION).acting_in(str(ORGANIZATION)).org_id == ORGANIZATION
    assert Person(ANN, None).acting_in(str(ORGANIZATION)).org_id == ORGANIZATION
    for person, header, status in (
        (Person(ANN, ORGANIZATION), str(OTHER), 403),
        (Person(ANN, None), None, 422),
        (Person(ANN, None), "../etc", 422),
        (Person(ANN, ORGANIZATION), "{" + str(ORGANIZATION) + "}", 422),
    ):
        with pytest.raises(Problem) as raised:
            person.acting_in(header)
        assert raised.value.status == status


def test_another_claim_may_name_the_organization() -> None:
    claims = {"sub": str(ANN), "iss": "x", "org": str(OTHER), "https://x/org": str(ORGANIZATION)}
    assert person_of(claims, "https://x/org") == Person(ANN, ORGANIZATION)
    assert person_of({"sub": str(ANN), "iss": "x"}, "https://x/org") == Person(ANN, None)


async def test_a_token_seen_before_still_expires(provider: Provider, jwks_file: Path) -> None:
    now = time.time()
    verifier = verifier_of(provider, SigningKeys.of_file(jwks_file), lambda: now)
    token = provider.token(good(provider))
    await verifier.identify(token)
    await verifier.identify(token)
    now += 3_600
    assert (await refused(verifier, token)).status == 401


async def test_a_key_taken_out_of_the_set_opens_nothing_any_more(provider: Provider, jwks_file: Path) -> None:
    keys = SigningKeys.of_file(jwks_file)
    verifier = verifier_of(provider, keys)
    token = provider.token(good(provider), "ec")
    await verifier.identify(token)
    await asyncio.to_thread(jwks_file.write_bytes, provider.jwks("ed"))
    await keys.refresh()
    assert (await refused(verifier, token)).status == 401


async def test_a_token_of_a_key_that_is_new_is_let_in_without_restart(provider: Provider) -> None:
    with serving_keys() as server:
        server.documents["/keys"] = provider.jwks("ed")
        now = 0.0
        source = IssuerSource(server.url + "/keys", "anybody", http_allowed=True)
        keys = SigningKeys(source, clock=lambda: now)
        verifier = verifier_of(provider, keys)
        early = await refused(verifier, provider.token(good(provider), "ec"))
        server.documents["/keys"] = provider.jwks("ed", "ec")
        now += 61
        person = await verifier.identify(provider.token(good(provider), "ec"))
    assert (early.status, person.actor) == (401, ANN)


async def test_while_no_keys_are_known_nobody_is_called_a_stranger(provider: Provider) -> None:
    with serving_keys() as server:
        server.documents["/keys"] = None
        keys = SigningKeys(IssuerSource(server.url + "/keys", "anybody", http_allowed=True))
        problem = await refused(verifier_of(provider, keys), provider.token(good(provider)))
    assert (problem.status, problem.headers) == (503, {"Retry-After": "5"})


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "bearer: x", "Token x"])
def test_without_a_bearer_token_nobody_gets_in(header: str | None) -> None:
    with pytest.raises(Problem) as raised:
        bearer_token(header)
    assert raised.value.headers == {"WWW-Authenticate": 'Bearer realm="milepost"'}


def test_a_key_file_with_a_private_key_is_refused(issuer: DevelopmentIssuer, tmp_path: Path) -> None:
    private = json.loads((issuer.jwks_file.parent / "private.json").read_text())
    exposed = tmp_path / "exposed.json"
    exposed.write_text(json.dumps({"keys": [private]}))
    with pytest.raises(KeysUnavailable, match="public keys alone"):
        SigningKeys.of_file(exposed)


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

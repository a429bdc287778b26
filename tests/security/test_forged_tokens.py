"""Forged tokens at the front door of every service: all are answered alike, quickly, and nothing behind it is asked."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp

from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.freshness import Progress
from services.notifications import app as notifications
from services.notifications.channels.webhooks.signing import Sealer
from services.notifications.channels.webhooks.signing import read_keys as read_sealing_keys
from services.notifications.settings import Settings as NotificationsSettings
from services.projects import app as projects
from services.projects.live_events import LiveEvents
from services.projects.settings import ProjectsSettings
from services.timeline import app as timeline
from services.timeline.settings import Settings as TimelineSettings
from tests.security.forged_claims import ANN, ORGANIZATION, QUARTER_SECONDS, good
from tests.security.forging import forgeries
from tests.support.notifications.surface import SECRETS_KEY
from tests.support.providers import Provider

HANG_SECONDS = 10
PATHS = {
    "projects": ("/v1/access-log", f"/v1/projects/{ANN}", "/v1/events"),
    "timeline": ("/v1/timeline/access-log", "/v1/timeline/projects"),
    "notifications": ("/v1/notifications/access-log", "/v1/notifications/inbox"),
}


class Untouchable:
    """Stands for every database and log: a request that was not let in must not get that far."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._touched

    def _touched(self, *_: object, **__: object) -> Any:
        raise AssertionError("a request that nobody is known to have sent came this far")


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def apps(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ASGIApp]:
    """The three services as they stand behind a port, trusting the provider, with nothing behind them."""
    file = tmp_path_factory.mktemp("keys") / "jwks.json"
    file.write_bytes(provider.jwks())
    told: dict[str, Any] = {
        "database_url": SecretStr("postgresql://service:hunter2@127.0.0.1:1/none"),
        "internal_database_url": SecretStr("postgresql://internal:hunter2@127.0.0.1:1/none"),
        "nats_url": SecretStr("nats://127.0.0.1:1"),
        "projects_url": "http://127.0.0.1:1",
        "service_token": SecretStr("none"),
        "secrets_key": SecretStr(SECRETS_KEY),
        "jwks_file": file,
        "issuer": provider.issuer,
        "token_lifetime_max_seconds": QUARTER_SECONDS,
        "grants_in_tokens": True,
        "refused_tokens_per_second_max": 10_000,
        "address_requests_per_second_max": 10_000,
        "log_level": "warning",
    }
    nothing: Any = Untouchable()
    own = ProjectsSettings(**told)
    live = LiveEvents(own, nothing, asyncio.Event())
    sealer = Sealer(read_sealing_keys(SECRETS_KEY))
    told_notifications = NotificationsSettings(**told)
    return {
        "projects": projects.create_app(own, asyncio.Event(), nothing, nothing, nothing, live),
        "timeline": timeline.create(TimelineSettings(**told), nothing, nothing, Progress()),
        "notifications": notifications.http(told_notifications, nothing, Progress(), sealer, asyncio.Event()),
    }


async def asked(
    app: ASGIApp, path: str, headers: list[tuple[bytes, bytes]], method: str = "GET"
) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        async with asyncio.timeout(HANG_SECONDS):
            return await client.request(method, path, headers=headers)


def authorization(value: str) -> tuple[bytes, bytes]:
    try:
        return b"authorization", value.encode("latin-1")
    except UnicodeEncodeError:
        return b"authorization", value.encode()


def body_of(response: httpx.Response) -> str:
    """Every byte of it but the trace id, which nobody can choose."""
    trace_id = response.json()["trace_id"]
    assert len(trace_id) == 32
    return response.text.replace(trace_id, "")


@pytest.mark.parametrize("service", PATHS)
async def test_every_forged_token_is_answered_like_no_token_at_all(
    apps: dict[str, ASGIApp], provider: Provider, service: str
) -> None:
    table = forgeries(provider, Provider())
    assert len(table) > 200
    for path in PATHS[service]:
        nobody = await asked(apps[service], path, [])
        assert nobody.status_code == 401
        assert nobody.headers["www-authenticate"] == 'Bearer realm="milepost"'
        for name, value in table.items():
            answer = await asked(apps[service], path, [authorization(value)])
            assert answer.status_code == 401, (name, path, answer.text)
            assert body_of(answer) == body_of(nobody), (name, path)


@pytest.mark.parametrize("service", PATHS)
async def test_the_forger_can_make_good_tokens_too(
    apps: dict[str, ASGIApp], provider: Provider, service: str
) -> None:
    """So that what is refused above is refused for its fault: a member is known, and may not read the access log."""
    path = PATHS[service][0]
    for key_id in provider.keys:
        for header in ({}, {"typ": None}, {"typ": "JWT"}, {"x5t": "thumb"}):
            token = provider.token(good(provider), key_id, **header)
            answer = await asked(apps[service], path, [authorization(f"bearer {token}")])
            assert answer.status_code == 403, answer.text
    for changes in (
        {"nbf": None},
        {"aud": ["account", provider.audience]},
        {"nonce": "x", "scope": "openid"},
        {"sub": "auth0|42"},
    ):
        token = provider.token(good(provider, **changes))
        assert (await asked(apps[service], path, [authorization(f"Bearer {token}")])).status_code == 403


async def test_a_mirrored_elliptic_signature_says_nothing_new(
    apps: dict[str, ASGIApp], provider: Provider
) -> None:
    """JWS has no rule which of the two valid numbers an issuer takes; nothing here depends on a token's bytes."""
    message, _, signed = provider.token(good(provider), "ec").rpartition(".")
    raw = base64.urlsafe_b64decode(signed + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    mirrored = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    token = f"{message}.{base64.urlsafe_b64encode(mirrored).rstrip(b'=').decode()}"
    answer = await asked(apps["projects"], "/v1/access-log", [authorization(f"Bearer {token}")])
    assert answer.status_code == 403


@pytest.mark.parametrize("service", PATHS)
async def test_two_authorizations_are_none_and_a_token_in_the_query_is_not_read(
    apps: dict[str, ASGIApp], provider: Provider, service: str
) -> None:
    token = provider.token(good(provider))
    one, other = authorization(f"Bearer {token}"), authorization("Bearer x")
    path = PATHS[service][0]
    nobody = await asked(apps[service], path, [])
    for headers in ([one, one], [one, other], [other, one]):
        answer = await asked(apps[service], path, headers)
        assert answer.status_code == 401
        assert body_of(answer) == body_of(nobody)
    for name in ("access_token", "token", "authorization"):
        answer = await asked(apps[service], f"{path}?{name}={token}", [])
        assert answer.status_code in (401, 422)
        assert token not in answer.text


async def test_internal_operations_are_for_services_alone(
    apps: dict[str, ASGIApp], provider: Provider, tmp_path: Path
) -> None:
    own = DevelopmentIssuer(tmp_path, issuer=provider.issuer)
    person = provider.token(good(provider))
    roaming = provider.token(provider.claims(sub="timeline", aud="milepost-services", org=ORGANIZATION))
    for token in (person, roaming, own.mint_service("timeline", lifetime_seconds=600)):
        for method, path in (
            ("GET", "/internal/v1/log"),
            ("GET", "/internal/v1/log/divergence"),
            ("POST", "/internal/v1/key-uses"),
        ):
            answer = await asked(apps["projects"], path, [authorization(f"Bearer {token}")], method)
            assert answer.status_code == 401, json.dumps(answer.json())

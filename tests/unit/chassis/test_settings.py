"""What a service is told by its environment."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from libs.chassis import settings as module
from libs.chassis.settings import ServiceSettings, is_safe_interpreter

DSN = "postgresql://service:hunter2@localhost/milepost"


def production(**changes: Any) -> ServiceSettings:
    fit = {
        "environment": "production",
        "database_url": DSN,
        "jwks_file": "/keys/jwks.json",
        "issuer": "https://identity.example",
    }
    return ServiceSettings(**{**fit, **changes})


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_DATABASE_URL", DSN)
    monkeypatch.setenv("MILEPOST_PORT", "8001")
    settings = ServiceSettings()
    assert (settings.database_url.get_secret_value(), settings.port) == (DSN, 8001)


def test_no_representation_shows_a_secret() -> None:
    settings = ServiceSettings(database_url=DSN, service_token="eyJ.very.secret")
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "hunter2" not in shown
    assert "very.secret" not in shown


def test_in_production_tokens_live_for_minutes_and_elsewhere_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "is_safe_interpreter", lambda: True)
    assert (production().token_lifetime_seconds, production().service_token_lifetime_seconds) == (900, 86_400)
    assert ServiceSettings(database_url=DSN).token_lifetime_seconds > 365 * 86_400
    assert ServiceSettings(database_url=DSN, token_lifetime_max_seconds=300).token_lifetime_seconds == 300


def test_a_secret_may_be_in_a_file_and_the_service_token_is_read_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, content in {"DATABASE_URL": DSN, "SERVICE_TOKEN": "first"}.items():
        (tmp_path / name).write_text(content + "\n")
        monkeypatch.setenv(f"MILEPOST_{name}_FILE", str(tmp_path / name))
    settings = ServiceSettings()
    assert settings.database_url.get_secret_value() == DSN
    assert settings.current_service_token() == "first"
    (tmp_path / "SERVICE_TOKEN").write_text("second\n")
    assert settings.current_service_token() == "second"


def test_a_secret_twice_or_in_a_missing_file_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_DATABASE_URL_FILE", "/none")
    with pytest.raises(ValueError, match="MILEPOST_DATABASE_URL_FILE cannot be read"):
        ServiceSettings()
    monkeypatch.setenv("MILEPOST_DATABASE_URL", DSN)
    with pytest.raises(ValueError, match="exclude each other") as refused:
        ServiceSettings()
    assert "hunter2" not in str(refused.value)


def test_a_wrong_value_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        ServiceSettings(database_url="mysql://service:hunter2@localhost/milepost")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "unfit",
    [
        {"clock_offsets": "clocks"},
        {"issuer": "milepost-development"},
        {"jwks_file": None, "issuer": "not-to-be-asked"},
        {"jwks_file": None, "issuer": "http://identity.example"},
        {"jwks_file": None, "jwks_url": "http://identity.example/keys"},
        {"grants_in_tokens": True},
    ],
)
def test_what_is_only_fit_for_development_refuses_to_start_in_production(
    monkeypatch: pytest.MonkeyPatch, unfit: dict[str, Any]
) -> None:
    monkeypatch.setattr(module, "is_safe_interpreter", lambda: True)
    assert production().is_production
    with pytest.raises(ValidationError, match="refused in production"):
        production(**unfit)


def test_production_behind_a_gateway_that_it_does_not_know_is_doubtful(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "is_safe_interpreter", lambda: True)
    assert production().doubtful_in_production() == [
        "trusted_proxies is empty: behind a gateway all clients share the limits of its address"
    ]
    assert production(trusted_proxies=("10.0.0.0/8",)).doubtful_in_production() == []
    assert ServiceSettings(database_url=DSN).doubtful_in_production() == []


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [((3, 11, 7), False), ((3, 11, 15), True), ((3, 12, 12), False), ((3, 13, 6), True), ((3, 14, 0), True)],
)
def test_an_interpreter_with_known_vulnerabilities_is_recognized(
    version: tuple[int, int, int], is_safe: bool
) -> None:
    assert is_safe_interpreter(version) is is_safe

"""What a service is told by its environment."""

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


def test_a_wrong_value_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        ServiceSettings(database_url="mysql://service:hunter2@localhost/milepost")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "unfit",
    [
        {"clock_offset_seconds": 60},
        {"issuer": "milepost-development"},
        {"jwks_file": None},
    ],
)
def test_what_is_only_fit_for_development_refuses_to_start_in_production(
    monkeypatch: pytest.MonkeyPatch, unfit: dict[str, Any]
) -> None:
    monkeypatch.setattr(module, "is_safe_interpreter", lambda: True)
    assert production().is_production
    with pytest.raises(ValidationError, match="refused in production"):
        production(**unfit)


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [((3, 11, 7), False), ((3, 11, 15), True), ((3, 12, 12), False), ((3, 13, 6), True), ((3, 14, 0), True)],
)
def test_an_interpreter_with_known_vulnerabilities_is_recognized(
    version: tuple[int, int, int], is_safe: bool
) -> None:
    assert is_safe_interpreter(version) is is_safe

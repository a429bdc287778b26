"""An issuer whose keys live as long as the session, settings that trust it, and a collector of spans."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.chassis import logging, tracing
from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.settings import Environment, ServiceSettings
from tests.support.spans import Collector, collecting


@pytest.fixture(autouse=True, scope="session")
def _plain_logs() -> None:
    logging.configure("tests", log_format="json", level="error")


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def settings(issuer: DevelopmentIssuer) -> ServiceSettings:
    return settings_of(issuer.jwks_file)


def settings_of(jwks_file: Path) -> ServiceSettings:
    return ServiceSettings(
        environment=Environment.TEST,
        database_url="postgresql://service:hunter2@localhost/none",
        jwks_file=jwks_file,
        grants_in_tokens=True,
        log_level="error",
        request_deadline_seconds=0.2,
    )


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Spans are exported while the test lasts; `tracing.stop()` sends them."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        tracing.configure("unit")
        yield collector
        tracing.stop()

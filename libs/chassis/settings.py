"""What every service is told by its environment; read once at start, immutable afterwards.

Secrets are masked in every representation. What is only fit for development refuses to start in production.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from libs.chassis.ending import DELAY_SECONDS_MAX
from libs.chassis.http_settings import HttpSettings
from libs.chassis.secret_files import SecretFiles

# CVE-2024-6923 and CVE-2026-1299 (header injection through `email`) are fixed from these on.
SAFE_INTERPRETERS = ((3, 11, 15), (3, 12, 13), (3, 13, 6))

QUARTER_SECONDS, DAY_SECONDS, YEARS_SECONDS = 15 * 60, 86_400, 2 * 366 * 86_400

Port = Annotated[int, Field(ge=0, le=65_535)]


class Environment(StrEnum):
    """Where a process runs; only `production` forbids shortcuts."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ServiceSettings(HttpSettings):
    """Settings every service has; a service extends this class. Environment variables: `MILEPOST_<FIELD>`.

    Raises `pydantic.ValidationError` at construction when something is missing, malformed, or not allowed in
    production. Port 0 means: any free port (metrics: none served when `metrics_port` is absent).
    """

    model_config = SettingsConfigDict(
        env_prefix="MILEPOST_", frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: Port = 0
    metrics_port: Port | None = None

    database_url: SecretStr
    database_connections_max: Annotated[int, Field(ge=1, le=200)] = 10
    internal_database_url: SecretStr | None = None
    admin_database_url: SecretStr | None = None
    nats_url: SecretStr | None = None

    jwks_file: Path | None = None
    jwks_url: str | None = None
    issuer: str = "milepost-development"
    audience: str = "milepost"
    organization_claim: str = "org"
    token_lifetime_max_seconds: Annotated[int, Field(ge=60)] | None = None
    service_token_lifetime_max_seconds: Annotated[int, Field(ge=60)] | None = None
    grants_in_tokens: bool = False
    projects_url: str | None = None
    service_token: SecretStr | None = None
    service_token_file: Path | None = None
    access_log_kept_days: Annotated[int, Field(ge=30, le=3_650)] = 365
    offboarded_kept_days: Annotated[int, Field(ge=0, le=3_650)] = 30

    log_format: Literal["json", "console"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    shutdown_delay_seconds: Annotated[float, Field(ge=0, le=DELAY_SECONDS_MAX)] = 0
    clock_offsets: Path | None = None

    @field_validator("database_url", "internal_database_url", "admin_database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be a postgresql:// URL")
        return value

    @model_validator(mode="after")
    def _has_one_key_source(self) -> Self:
        if self.jwks_file is not None and self.jwks_url is not None:
            raise ValueError("jwks_file and jwks_url exclude each other")
        return self

    @model_validator(mode="after")
    def _is_fit_for_production(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            for name, is_unfit in self.unfit_for_production().items():
                if is_unfit:
                    raise ValueError(f"refused in production: {name}")
        return self

    def unfit_for_production(self) -> dict[str, bool]:
        """What must not be true in production, by what the operator reads; services add their own."""
        return {
            "clock_offsets is for tests": self.clock_offsets is not None,
            "the issuer is the development issuer": self.issuer == "milepost-development",
            "grants_in_tokens believes tokens instead of the directory": self.grants_in_tokens,
            "nothing says where the issuer's keys are": not self.has_key_source,
            "the issuer's keys do not come over https": self.key_urls_are_open,
            f"Python {sys.version.split()[0]} has known vulnerabilities": not is_safe_interpreter(),
        }

    def doubtful_in_production(self) -> list[str]:
        """What starts in production and is seldom meant, in sentences for the operator."""
        if self.is_production and not self.trusted_proxies:
            return ["trusted_proxies is empty: behind a gateway all clients share the limits of its address"]
        return []

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def has_key_source(self) -> bool:
        """Whether anything says where the keys are: a file, a URL, or an issuer that can be asked."""
        return bool(self.jwks_file or self.jwks_url) or self.issuer.startswith(("https://", "http://"))

    @property
    def key_urls_are_open(self) -> bool:
        """Whether keys would be fetched in a way that somebody between could change."""
        return self.jwks_file is None and not (self.jwks_url or self.issuer).startswith("https://")

    @property
    def token_lifetime_seconds(self) -> int:
        """From issue to expiry of a person's token, at most: a quarter of an hour in production."""
        return self.token_lifetime_max_seconds or (QUARTER_SECONDS if self.is_production else YEARS_SECONDS)

    @property
    def service_token_lifetime_seconds(self) -> int:
        """The same of a service's token: a day in production."""
        return self.service_token_lifetime_max_seconds or (
            DAY_SECONDS if self.is_production else YEARS_SECONDS
        )

    def current_service_token(self) -> str:
        """What to show other services; read anew each time where it is in a file, so that it can be rotated.

        Raises `OSError` while the file cannot be read.
        """
        if self.service_token_file is not None:
            return self.service_token_file.read_text(encoding="utf-8").strip()
        return self.service_token.get_secret_value() if self.service_token else ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, and files for secrets."""
        return init_settings, env_settings, SecretFiles(settings_cls)


def is_safe_interpreter(version: tuple[int, int, int] = sys.version_info[:3]) -> bool:
    """Whether this Python has the fixes of `SAFE_INTERPRETERS`; newer minor versions always have."""
    for safe in SAFE_INTERPRETERS:
        if version[:2] == safe[:2]:
            return version >= safe
    return version[:2] > SAFE_INTERPRETERS[-1][:2]

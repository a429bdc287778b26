"""What every service is told by its environment; read once at start, immutable afterwards.

Secrets are masked in every representation. What is only fit for development refuses to start in production.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from libs.chassis.http_settings import HttpSettings

# CVE-2024-6923 and CVE-2026-1299 (header injection through `email`) are fixed from these on.
SAFE_INTERPRETERS = ((3, 11, 15), (3, 12, 13), (3, 13, 6))

Seconds = Annotated[float, Field(ge=0, le=600)]
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
    issuer: str = "milepost-development"
    audience: str = "milepost"
    grants_in_tokens: bool = False
    projects_url: str | None = None
    service_token: SecretStr | None = None

    log_format: Literal["json", "console"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    shutdown_delay_seconds: Seconds = 0
    clock_offset_seconds: float = 0

    @field_validator("database_url", "internal_database_url", "admin_database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be a postgresql:// URL")
        return value

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
            "clock_offset_seconds is a simulation knob": self.clock_offset_seconds != 0,
            "the issuer is the development issuer": self.issuer == "milepost-development",
            "grants_in_tokens believes tokens instead of the directory": self.grants_in_tokens,
            "jwks_file is missing": self.jwks_file is None,
            f"Python {sys.version.split()[0]} has known vulnerabilities": not is_safe_interpreter(),
        }

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION


def is_safe_interpreter(version: tuple[int, int, int] = sys.version_info[:3]) -> bool:
    """Whether this Python has the fixes of `SAFE_INTERPRETERS`; newer minor versions always have."""
    for safe in SAFE_INTERPRETERS:
        if version[:2] == safe[:2]:
            return version >= safe
    return version[:2] > SAFE_INTERPRETERS[-1][:2]

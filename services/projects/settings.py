"""What the projects service is told by its environment, beside what every service is told."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from libs.chassis.settings import ServiceSettings
from services.projects.admission.keys import AccountKey


class ProjectsSettings(ServiceSettings):
    """`relay_database_url` is the relay's role (default: the service's), `keeper_nats_url` the stream's owner.

    With `admission_nats_url` and `nats_issuer_seed` integrations are let into NATS, without both they are not.
    """

    relay_database_url: SecretStr | None = None
    keeper_nats_url: SecretStr | None = None
    admission_nats_url: SecretStr | None = None
    nats_issuer_seed: SecretStr | None = None
    stream_replicas: Annotated[int, Field(ge=1, le=5)] = 1
    stream_max_age_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    stream_max_bytes: Annotated[int, Field(ge=-1)] = -1
    event_connections_max: Annotated[int, Field(ge=2, le=50)] = 4
    event_streams_max: Annotated[int, Field(ge=0, le=10_000)] = 2_000
    event_streams_of_organization_max: Annotated[int, Field(ge=0)] = 200
    event_streams_of_person_max: Annotated[int, Field(ge=0)] = 5

    @field_validator("nats_issuer_seed")
    @classmethod
    def _is_seed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            AccountKey.of(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _admits_with_both(self) -> Self:
        if (self.admission_nats_url is None) != (self.nats_issuer_seed is None):
            raise ValueError("admission_nats_url and nats_issuer_seed need one another")
        return self

    @property
    def stream_max_age(self) -> timedelta:
        return timedelta(days=self.stream_max_age_days)

    @property
    def event_reads_max(self) -> int:
        """Of one organization at a time: one connection is always left for others."""
        return min(self.organization_reads_max, self.event_connections_max - 1)

    @property
    def relay_dsn(self) -> str:
        return (self.relay_database_url or self.database_url).get_secret_value()


class VerifyingSettings(ServiceSettings):
    """What `verify` holds against the log, in roles that see every organization; what is not named is not checked.

    The days are those that notifications is told: what is older may be gone.
    """

    timeline_database_url: SecretStr | None = None
    notifications_database_url: SecretStr | None = None
    inbox_kept_days: Annotated[int, Field(ge=1)] = 365
    webhooks_kept_days: Annotated[int, Field(ge=1)] = 30

    @property
    def inbox_kept(self) -> timedelta:
        return timedelta(days=self.inbox_kept_days)

    @property
    def deliveries_kept(self) -> timedelta:
        return timedelta(days=self.webhooks_kept_days)

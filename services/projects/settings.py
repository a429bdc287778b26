"""What the projects service is told by its environment, beside what every service is told."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from libs.chassis.settings import ServiceSettings


class ProjectsSettings(ServiceSettings):
    """`relay_database_url` is the relay's role (default: the service's), `keeper_nats_url` the stream's owner."""

    relay_database_url: SecretStr | None = None
    keeper_nats_url: SecretStr | None = None
    stream_replicas: Annotated[int, Field(ge=1, le=5)] = 1
    stream_max_age_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    stream_max_bytes: Annotated[int, Field(ge=-1)] = -1

    @property
    def stream_max_age(self) -> timedelta:
        return timedelta(days=self.stream_max_age_days)

    @property
    def relay_dsn(self) -> str:
        return (self.relay_database_url or self.database_url).get_secret_value()

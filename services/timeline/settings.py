"""What timeline is told by its environment, beside what every service is told."""

from pydantic import SecretStr

from libs.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Timeline reads the stream, and the log of projects where the stream does not reach."""

    nats_url: SecretStr
    projects_url: str
    service_token: SecretStr


class MigrationSettings(ServiceSettings):
    """What `migrate` needs: the administrator's access and the service's own."""

    admin_database_url: SecretStr

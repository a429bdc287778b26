"""What timeline is told by its environment, beside what every service is told."""

from pydantic import SecretStr

from libs.chassis.settings import ServiceSettings


class LogSettings(ServiceSettings):
    """Where the log of projects is, and the token that lets a service read it."""

    projects_url: str
    service_token: SecretStr


class Settings(LogSettings):
    """Timeline reads the stream, and the log where the stream does not reach."""

    nats_url: SecretStr


class MigrationSettings(ServiceSettings):
    """What `migrate` needs: the administrator's access and the service's own."""

    admin_database_url: SecretStr


class RebuildSettings(LogSettings):
    """What `rebuild` needs: the log to read, and the right to create and rename schemas."""

    admin_database_url: SecretStr

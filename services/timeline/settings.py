"""What timeline is told by its environment, beside what every service is told."""

from pydantic import SecretStr

from libs.chassis.settings import ServiceSettings


class LogSettings(ServiceSettings):
    """Where the log of projects is, and the token that lets a service read it."""

    projects_url: str
    service_token: SecretStr


class Settings(LogSettings):
    """Timeline reads the stream, and the log where the stream does not reach.

    `database_url` names the role that answers questions, `internal_database_url` the one that keeps the read models.
    """

    nats_url: SecretStr
    internal_database_url: SecretStr


class MigrationSettings(ServiceSettings):
    """What `migrate` needs: the administrator's access and the service's own."""

    internal_database_url: SecretStr
    admin_database_url: SecretStr


class RebuildSettings(LogSettings):
    """What `rebuild` needs: the log to read, and the right to create and rename schemas."""

    admin_database_url: SecretStr


class AdoptionSettings(RebuildSettings):
    """What `adopt-log` needs: what `rebuild` needs, and the books of the service."""

    internal_database_url: SecretStr


class ParkingSettings(ServiceSettings):
    """What operators need to look at what is parked and to decide about it: the books alone."""

    internal_database_url: SecretStr

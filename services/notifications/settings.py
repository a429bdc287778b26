"""What notifications is told by its environment, beside what every service is told."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from services.notifications.channels.webhooks.addresses import EgressPolicy
from services.notifications.channels.webhooks.moving import Resealing
from services.notifications.channels.webhooks.retrying import RetryPolicy
from services.notifications.channels.webhooks.signing import Sealer, read_keys
from services.notifications.housekeeping import Retention


def _has_keys(value: SecretStr) -> SecretStr:
    read_keys(value.get_secret_value())
    return value


SecretsKey = Annotated[SecretStr, AfterValidator(_has_keys)]
Days = Annotated[int, Field(ge=3, le=3_650)]


class Settings(ServiceSettings):
    """Notifications reads the stream, keeps secrets of webhooks, and is the only service that calls strangers.

    `database_url` names the role that answers requests, `internal_database_url` the one that tells and delivers.
    `secrets_key` is `<key id>:<base64 of 32 bytes>`, newest first where several are separated by commas.
    `webhooks_block_seconds` is how long a failing delivery holds up those behind it: 0 means no order at all,
    a week strict order. `webhooks_challenged` off lets endpoints be told things they never asked for.
    """

    internal_database_url: SecretStr
    nats_url: SecretStr
    projects_url: str
    service_token: SecretStr
    secrets_key: SecretsKey

    webhooks_allow_loopback: bool = False
    webhooks_challenged: bool = True
    webhooks_ports: frozenset[Annotated[int, Field(ge=1, le=65_535)]] = frozenset({443, 8_443})
    webhooks_refused_networks: tuple[str, ...] = ()
    webhooks_endpoints_max: Annotated[int, Field(ge=1, le=1_000)] = 20
    webhooks_in_flight_max: Annotated[int, Field(ge=1, le=1_000)] = 32
    webhooks_block_seconds: Annotated[float, Field(ge=0, le=604_800)] = 3_600
    webhooks_kept_days: Days = 30
    inbox_kept_days: Days = 365

    @field_validator("webhooks_refused_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value

    def unfit_for_production(self) -> dict[str, bool]:
        return {
            **super().unfit_for_production(),
            "webhooks_allow_loopback is for development": self.webhooks_allow_loopback,
            "webhooks_challenged must stay on": not self.webhooks_challenged,
        }

    @property
    def egress(self) -> EgressPolicy:
        """Where webhooks may go."""
        networks = tuple(ip_network(network) for network in self.webhooks_refused_networks)
        return EgressPolicy(self.webhooks_allow_loopback, self.webhooks_ports, networks)

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(block_seconds_max=self.webhooks_block_seconds)

    @property
    def retention(self) -> Retention:
        return Retention(
            deliveries=timedelta(days=self.webhooks_kept_days), inbox=timedelta(days=self.inbox_kept_days)
        )


class MigrationSettings(ServiceSettings):
    """What `migrate` needs: the administrator's access and the service's own."""

    internal_database_url: SecretStr
    admin_database_url: SecretStr


class AdoptionSettings(ServiceSettings):
    """What `adopt-log` needs: the database, and the log to read."""

    internal_database_url: SecretStr
    projects_url: str
    service_token: SecretStr


class ParkingSettings(ServiceSettings):
    """What operators need to look at what is parked and to decide about it: the database alone."""

    internal_database_url: SecretStr


class MovingSettings(ParkingSettings):
    """What taking an organization in needs: the database, the log it is told by, and the keys of secrets.

    `exported_secrets_key` is the `secrets_key` of where the export was made, if that is another one.
    """

    projects_url: str
    service_token: SecretStr
    secrets_key: SecretsKey
    exported_secrets_key: SecretsKey | None = None

    @property
    def resealing(self) -> Resealing:
        """With which keys the secrets of webhooks are opened and closed again."""
        own = self.secrets_key.get_secret_value()
        former = own if self.exported_secrets_key is None else self.exported_secrets_key.get_secret_value()
        return Resealing(Sealer(read_keys(former)), Sealer(read_keys(own)))

"""Where everything of a run is and who may enter: addresses, DSNs, URLs, tokens and logs, told from its directory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from deploy.local import programs
from deploy.local.addresses import Addresses
from deploy.local.credentials import ACTOR, ORG_ID, ROLES, as_role, kept_key, kept_secrets, write_privately
from deploy.local.nats import USERS, EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.programs import SERVICES, Servers, Trust
from libs.chassis.development_issuer import DevelopmentIssuer
from libs.chassis.provisioning import in_database

WHEREABOUTS_FILE = "whereabouts.json"


@dataclass(frozen=True)
class Whereabouts:
    """`given_postgres` and `given_nats` are DSNs of somebody else's servers, None where the embedded ones serve."""

    directory: Path
    addresses: Addresses
    given_postgres: str | None = None
    given_nats: str | None = None

    def write_down(self) -> None:
        """For other processes, which `read` it while the run lasts."""
        kept = {"ports": self.addresses.ports, "postgres": self.given_postgres, "nats": self.given_nats}
        write_privately(self.directory / WHEREABOUTS_FILE, json.dumps(kept))

    @classmethod
    def read(cls, directory: Path) -> "Whereabouts":
        """Those of the run in this directory; raises FileNotFoundError before its first start."""
        kept = json.loads((directory / WHEREABOUTS_FILE).read_text())
        return cls(directory.resolve(), Addresses(kept["ports"]), kept["postgres"], kept["nats"])

    def postgres(self) -> EmbeddedPostgres:
        """The embedded server of this directory, started or not."""
        return EmbeddedPostgres(self.directory / "postgres", self.addresses.ports.get("postgres", 0))

    def nats(self) -> EmbeddedNats:
        """The embedded server of this directory, started or not."""
        return EmbeddedNats(self.directory / "nats", self.addresses.ports.get("nats", 0))

    def url(self, service: str) -> str:
        return self.addresses.url(service)

    def metrics_url(self, service: str) -> str:
        return f"{self.addresses.url(f'{service} metrics')}/metrics"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    @property
    def admin_dsn(self) -> str:
        """The administrator's DSN of the PostgreSQL server."""
        return self.given_postgres or self.postgres().dsn()

    def database_dsn(self, service: str) -> str:
        """The administrator's DSN of one service's database, for looking at what is really there."""
        return in_database(self.admin_dsn, f"milepost_{service}")

    def dsn(self, role: str) -> str:
        """The DSN of one of credentials.ROLES."""
        passwords = kept_secrets(self.directory / "roles.json", ROLES)
        return as_role(self.admin_dsn, role, passwords[role], f"milepost_{role.partition('_')[0]}")

    def nats_url(self, user: str) -> str:
        """The NATS URL of one of USERS."""
        return self.given_nats or self.nats().url(user)

    @property
    def issuer(self) -> DevelopmentIssuer:
        """Signs tokens with this run's key."""
        return DevelopmentIssuer(self.directory / "keys")

    def token(
        self,
        *,
        org_id: UUID = ORG_ID,
        actor: UUID = ACTOR,
        org_role: str | None = "owner",
        project_roles: Mapping[UUID, str] | None = None,
        lifetime_seconds: float = 7 * 86_400,
    ) -> str:
        """A person's token, by default the local owner's."""
        return self.issuer.mint(
            org_id=org_id,
            actor=actor,
            org_role=org_role,
            project_roles=project_roles,
            lifetime_seconds=lifetime_seconds,
        )

    def settings(self, service: str, *, administrator: bool = False) -> dict[str, str]:
        """The MILEPOST_ variables of one service's process here."""
        servers = Servers(
            admin_dsn=self.admin_dsn,
            dsns={role: self.dsn(role) for role in ROLES},
            nats_urls={user: self.nats_url(user) for user in USERS},
            nats_issuer_seed=None if self.given_nats else self.nats().issuer.seed,
        )
        issuer = self.issuer
        tokens = {name: issuer.mint_service(name) for name in SERVICES}
        trust = Trust(issuer.jwks_file, kept_key(self.directory / "webhook-key"), tokens)
        return programs.settings(service, self.addresses.ports, servers, trust, administrator=administrator)

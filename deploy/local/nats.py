"""A real nats-server with JetStream, started with the configuration that the cluster uses."""

import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.credentials import kept_issuer, kept_secrets
from deploy.local.ports import LOOPBACK
from deploy.local.processes import ChildProcess
from services.projects.admission.keys import AccountKey

USERS = ("relay", "keeper", "timeline", "notifications", "admission")
CONFIGURATION = Path(__file__).parents[1] / "k8s/base/nats/nats.conf"
START_SECONDS_MAX = 30


@dataclass
class EmbeddedNats:
    """One server with its store in `directory`. The passwords are kept beside it and survive a wiped store."""

    directory: Path
    port: int
    sync_interval: str = "2m"
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    _server: ChildProcess | None = field(default=None, repr=False)

    @property
    def store(self) -> Path:
        return self.directory / "store"

    @property
    def log(self) -> Path:
        return self.directory / "nats.log"

    def url(self, user: str) -> str:
        """The address with the name and password of one of USERS, started or not."""
        self._know_passwords()
        return f"nats://{user}:{self.passwords[user]}@{LOOPBACK}:{self.port}"

    @property
    def issuer(self) -> AccountKey:
        """Whoever signs with it is believed when integrations ask to be let in."""
        self.directory.mkdir(parents=True, exist_ok=True)
        return kept_issuer(self.directory / "issuer-seed")

    def _know_passwords(self) -> None:
        """Read the passwords of this directory's users, made first where there are none."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.passwords = kept_secrets(self.directory / "passwords.json", USERS)

    def start(self) -> ChildProcess:
        """Start on the store as it is; return once a client is greeted, by when JetStream has recovered."""
        self._know_passwords()
        self._server = ChildProcess(
            name="NATS",
            command=[str(Path(sys.executable).parent / "nats-server"), "--config", str(CONFIGURATION)],
            log=self.log,
            environment=configuration(
                self.passwords,
                self.issuer.public,
                host=LOOPBACK,
                port=self.port,
                store=self.store,
                sync_interval=self.sync_interval,
            ),
        )
        self._server.start()
        self._server.wait_until(lambda: greets(self.port), START_SECONDS_MAX, "make reset && make run")
        return self._server

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def kill(self) -> None:
        """Crash (SIGKILL); the store stays as it was that instant."""
        if self._server is not None:
            self._server.kill()

    def wipe(self) -> None:
        """Lose the whole store, as with a lost volume. Only while the server is down."""
        if self._server is not None and self._server.alive:
            raise RuntimeError("stop or kill the server before its store is wiped")
        shutil.rmtree(self.store, ignore_errors=True)

    def freeze(self) -> None:
        """Stall it (SIGSTOP): connections stay open and nothing answers."""
        if self._server is not None:
            self._server.freeze()

    def thaw(self) -> None:
        if self._server is not None:
            self._server.thaw()


def configuration(
    passwords: dict[str, str], issuer: str, *, host: str, port: int, store: Path, sync_interval: str
) -> dict[str, str]:
    """The environment that fills in every $NAME of nats.conf; `issuer` is a public key."""
    return {
        "MILEPOST_NATS_SERVER_NAME": "milepost-local",
        "MILEPOST_NATS_HOST": host,
        "MILEPOST_NATS_PORT": str(port),
        "MILEPOST_NATS_MONITOR_PORT": "0",
        "MILEPOST_NATS_STORE_DIRECTORY": f'"{store}"',
        "MILEPOST_NATS_STORE_SIZE": "8GB",
        "MILEPOST_NATS_SYNC_INTERVAL": sync_interval,
        "MILEPOST_NATS_ISSUER": issuer,
        **{f"MILEPOST_NATS_{user.upper()}_PASSWORD": password for user, password in passwords.items()},
    }


def greets(port: int) -> bool:
    """True if a NATS server says INFO on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False

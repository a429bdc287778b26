"""Child processes: shielded from the terminal's signals, known by pid and start time, ended within a bound."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict

import psutil

POLL_SECONDS = 0.02
TAIL_BYTES_MAX = 64 * 1024
LOG_BYTES_MAX = 32 * 1024 * 1024
RECORD_SUFFIX = ".process"


class StepFailed(Exception):
    """A part of the system did not start; carries what its log last said and what to try next."""

    def __init__(self, sentence: str, *, log: Path | None = None, next_command: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.log = log
        self.next_command = next_command


def last_lines(log: Path, count: int = 20) -> list[str]:
    """The last `count` lines of a log file; none where there is no such file."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES_MAX))
        return file.read().decode(errors="replace").splitlines()[-count:]


def set_aside(log: Path) -> None:
    """Keep one earlier log where this one has grown past its bound."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".previous.log"))


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Which process it was: a pid alone may have been given to somebody else since."""

    name: str
    pid: int
    created_at: float
    stop_signal: int = signal.SIGTERM

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: int = signal.SIGTERM) -> "ProcessIdentity":
        return cls(name, pid, psutil.Process(pid).create_time(), stop_signal)

    @classmethod
    def read(cls, record: Path) -> "ProcessIdentity | None":
        """The identity written to this file; None where a crash left it unfinished."""
        try:
            return cls(**json.loads(record.read_text()))
        except (ValueError, TypeError):
            return None

    def write(self, record: Path) -> None:
        record.write_text(json.dumps(asdict(self)))

    def process(self) -> psutil.Process | None:
        """The process if it is still the one recorded, else None."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created_at) < 0.5
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def ask_to_stop(self) -> None:
        if (process := self.process()) is not None:
            process.send_signal(self.stop_signal)

    def end(self, seconds: float = 5) -> bool:
        """Wait until it has stopped, insist after `seconds`; False where it was gone already."""
        process = self.process()
        if process is None:
            return False
        try:
            process.wait(seconds)
        except psutil.TimeoutExpired:
            for member in [*process.children(recursive=True), process]:
                member.kill()
            process.wait(seconds)
        return True


class Credentials(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def run_as(account: pwd.struct_passwd | None) -> Credentials:
    """Arguments for subprocess: run as this account, as oneself where there is none."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@dataclass
class ChildProcess:
    """One child in a session of its own, so that Ctrl-C reaches only the supervisor, which stops all in order."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    account: pwd.struct_passwd | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 5
    _process: subprocess.Popen[bytes] | None = None
    _asked: bool = False

    def start(self) -> None:
        if self.alive:
            raise RuntimeError(f"{self.name} runs already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        set_aside(self.log)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
                **run_as(self.account),
            )
        self._asked = False
        ProcessIdentity.of(self.name, self._process.pid, self.stop_signal).write(self.record)

    @property
    def record(self) -> Path:
        """Where its identity stands while it runs, for whoever must stop it if its parent cannot."""
        return self.log.with_suffix(RECORD_SUFFIX)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float, next_command: str | None = None) -> None:
        """Return once `ready()`; StepFailed if the process dies or `seconds` pass first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive:
                raise StepFailed(
                    f"{self.name} ended with code {self.exit_code} while starting",
                    log=self.log,
                    next_command=next_command,
                )
            if time.monotonic() > deadline:
                raise StepFailed(
                    f"{self.name} was not ready after {seconds:.0f} s",
                    log=self.log,
                    next_command=next_command,
                )
            time.sleep(POLL_SECONDS)

    def wait(self, seconds: float) -> int:
        """Its exit code once it has ended by itself; raises StepFailed (and ends it) after `seconds`."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise StepFailed(f"{self.name} did not end within {seconds:.0f} s", log=self.log) from None
        self.record.unlink(missing_ok=True)
        return code

    def ask_to_stop(self) -> None:
        """Send the polite signal and return at once; ask several, then `stop` each, to have them stop together.

        It is sent once: a second one means impatience to many programs.
        """
        if self._process is not None and not self._asked and self._process.poll() is None:
            self._process.send_signal(self.stop_signal)
            self._asked = True

    def stop(self) -> None:
        """Ask, wait, insist; returns when the process is gone."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self.record.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it as a crash would: SIGKILL, no chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop its clock and that of its children (SIGSTOP), as a stalled machine would."""
        # First itself: then no child is born that would be overlooked.
        os.kill(self.pid, signal.SIGSTOP)
        self._send_to_children(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send_to_children(signal.SIGCONT)
        os.kill(self.pid, signal.SIGCONT)

    def _send_to_children(self, number: int) -> None:
        for child in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)

"""Starts the yardstick as a process of its own, with uvloop and httptools and without an access log."""

import sys
from pathlib import Path

from deploy.local.ports import LOOPBACK
from deploy.local.processes import ChildProcess

START_SECONDS_MAX = 30


def bare_server(port: int, log: Path) -> ChildProcess:
    log.unlink(missing_ok=True)
    options = ["--host", LOOPBACK, "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app", *options, "--no-access-log"]
    process = ChildProcess(name="bare", command=command, log=log)
    process.start()
    process.wait_until(lambda: log.exists() and b"running on" in log.read_bytes(), START_SECONDS_MAX)
    return process

"""Python programs that only contract tests run, in an environment of their own: they pin what services do not."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-contract.txt"
INSTALL_SECONDS_MAX = 600


def tool(name: str) -> Path:
    """The program of that name; the environment is made first where its lock is new.

    Raises `AssertionError` with what the installer said.
    """
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    place = ROOT / ".run/tools" / digest[:16]
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            _uv("venv", "--clear", "--python", sys.executable, str(place))
            _uv(
                "pip",
                "install",
                "--require-hashes",
                "--python",
                str(place / "bin/python"),
                "--requirement",
                str(LOCK),
            )
            (place / "complete").touch()
    return place / "bin" / name


def environment(program: Path) -> dict[str, str]:
    """With the tools beside a program first, for those that call one another."""
    return {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def _uv(*arguments: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "uv", "--quiet", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr

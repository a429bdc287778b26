"""Makes .venv hold exactly what requirements-dev.txt pins, by hash; does nothing where it does already.

Runs with the system's Python before anything is installed: standard library only, and the syntax of older Pythons, so
that they can say what is wrong.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from typing import NoReturn

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENVIRONMENT = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements-dev.txt")
STAMP = os.path.join(ENVIRONMENT, "lock-hash")
PYTHON = os.path.join(ENVIRONMENT, "bin", "python")
OLDEST = (3, 11)
NEWEST_MINOR_TRIED = 16


def main() -> None:
    if sys.version_info < OLDEST:
        run_with_newer_python()
    wanted = hash_of_lock()
    if is_current(wanted):
        return
    started = time.monotonic()
    say(f"environment: Python {sys.version.split()[0]}, one download of about 150 MB the first time")
    if not os.path.exists(PYTHON):
        step("creating .venv", create)
    step("installing what requirements-dev.txt pins", install)
    with open(STAMP, "w") as stamp:
        stamp.write(wanted)
    say(f"environment: ready in {time.monotonic() - started:.1f} s")


def run_with_newer_python() -> None:
    for minor in range(NEWEST_MINOR_TRIED, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(newer, [newer] + sys.argv)
    fail(
        f"Milepost needs Python 3.11 or newer; this is {sys.version.split()[0]}.",
        "make PYTHON=/path/to/python3 run",
    )


def hash_of_lock() -> str:
    with open(LOCK, "rb") as lock:
        return hashlib.sha256(lock.read()).hexdigest()


def is_current(wanted: str) -> bool:
    if not (os.path.exists(STAMP) and os.path.exists(PYTHON)):
        return False
    with open(STAMP) as stamp:
        return stamp.read() == wanted


def create() -> None:
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True, symlinks=True)
    except (subprocess.CalledProcessError, OSError) as error:
        fail(
            f"Python could not create .venv ({error}).",
            "sudo apt-get install python3-venv, then the same again",
        )


def install() -> None:
    """uv takes a quarter of pip's time, but knows nothing of pip's settings; where it cannot download, pip can."""
    pip = [PYTHON] + [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
    ]
    quickly = (
        [PYTHON]
        + ["-m", "uv", "pip", "install", "--require-hashes", "--requirement"]
        + [LOCK, "--python", PYTHON]
    )
    if not sys.stderr.isatty():
        quickly.append("--quiet")
    lock_of_uv = os.path.join(ENVIRONMENT, "uv.txt")
    with open(lock_of_uv, "w") as file:
        file.write(pinned("uv"))
    if subprocess.call(pip + ["--requirement", lock_of_uv]) == 0 and subprocess.call(quickly, cwd=ROOT) == 0:
        return
    say("  uv could not install; pip tries, which takes longer")
    if subprocess.call(pip + ["--requirement", LOCK], cwd=ROOT) != 0:
        fail("The packages could not be installed.", f"{PYTHON} -m pip download uv")


def pinned(name: str) -> str:
    """The lines of the lock that pin one package."""
    with open(LOCK) as lock:
        lines = lock.readlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(name + "=="))
    last = next(index for index in range(first, len(lines)) if not lines[index].rstrip().endswith("\\"))
    return "".join(lines[first : last + 1])


def step(name: str, action: "Callable[[], None]") -> None:
    started = time.monotonic()
    say(f"  {name} …")
    action()
    say(f"  {name}: {time.monotonic() - started:.1f} s")


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def fail(sentence: str, next_command: str) -> NoReturn:
    sys.stderr.write(f"{sentence}\nTry: {next_command}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()

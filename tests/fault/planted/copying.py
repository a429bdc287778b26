"""A copy of the repository as it is now, in which bugs may be planted, or what is to come."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from libs.chassis.migrations import ROOT
from tests.fault.planted.bugs import Bug, Edit

SECONDS_MAX = 600
STOP_SECONDS_MAX = 60


def copied(directory: Path) -> Path:
    """Everything Git tracks or would track, without what was built or is running."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, directory / name)
    return directory


@contextmanager
def planted(copy: Path, bug: Bug) -> Iterator[None]:
    """The bug is in the copy while the block lasts. Lines that do not stand there once are an AssertionError."""
    before = {edit.path: (copy / edit.path).read_text() for edit in bug.edits}
    try:
        change(copy, bug.edits)
        yield
    finally:
        for path, text in before.items():
            (copy / path).write_text(text)


def change(copy: Path, edits: Iterable[Edit]) -> None:
    """For good. Lines that do not stand there once are an AssertionError."""
    for edit in edits:
        file = copy / edit.path
        text = file.read_text()
        assert text.count(edit.before) == 1, (
            f"{edit.path} has {edit.before!r} {text.count(edit.before)} times"
        )
        file.write_text(text.replace(edit.before, edit.after))


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m …` in the copy, with the packages of this environment and nothing else of this repository."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS_MAX)
        except BaseException:
            # Politely, as it has servers to stop.
            process.terminate()
            process.communicate(timeout=STOP_SECONDS_MAX)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)

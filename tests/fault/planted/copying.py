"""A copy of the repository as it is now, in which bugs may be planted."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from libs.chassis.migrations import ROOT
from tests.fault.planted.bugs import Bug, Edit

SECONDS_MAX = 600


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
        for edit in bug.edits:
            _change(copy / edit.path, edit)
        yield
    finally:
        for path, text in before.items():
            (copy / path).write_text(text)


def _change(file: Path, edit: Edit) -> None:
    text = file.read_text()
    assert text.count(edit.before) == 1, f"{edit.path} has {edit.before!r} {text.count(edit.before)} times"
    file.write_text(text.replace(edit.before, edit.after))


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m …` in the copy, with the packages of this environment and nothing else of this repository."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )

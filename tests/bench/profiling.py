"""Where a process spends its time: py-spy's samples of it, as a table of functions."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SAMPLES_A_SECOND = 250
FUNCTIONS_SHOWN = 25
FILES_SHOWN = 15
IMPORTING = "importlib._bootstrap"


@contextmanager
def profiled(pid: int, seconds: float, into: dict[str, str], title: str) -> Iterator[None]:
    """Sample a process for that long while the body puts it under load; the table goes into `into[title]`."""
    with tempfile.TemporaryDirectory() as directory:
        raw = Path(directory) / "samples"
        options = [
            "--gil",
            "--rate",
            str(SAMPLES_A_SECOND),
            "--duration",
            str(max(1, int(seconds))),
            "--format",
            "raw",
        ]
        command = [
            str(Path(sys.executable).parent / "py-spy"),
            "record",
            "--pid",
            str(pid),
            "--output",
            str(raw),
            *options,
        ]
        spy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield
        finally:
            said, _ = spy.communicate(timeout=seconds + 30)
        into[title] = table_of(raw.read_text()) if raw.exists() else f"py-spy failed: {said.strip()}"


def table_of(samples: str) -> str:
    """The functions in which most samples were taken, with those taken in what they called; imports left out."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        if IMPORTING in stack:
            continue
        frames = [_shortened(frame) for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        files[frames[-1].rpartition(" (")[2].rstrip(")")] += int(count)
        for frame in set(frames):
            total[frame] += int(count)
    every = sum(own.values()) or 1
    lines = [
        f"{100 * count / every:6.1f} %{100 * total[frame] / every:7.1f} %  {frame}"
        for frame, count in own.most_common(FUNCTIONS_SHOWN)
    ]
    places = [f"{100 * count / every:6.1f} %  {file}" for file, count in files.most_common(FILES_SHOWN)]
    return "\n".join(["     own    total  function", *lines, "     own  file", *places])


def _shortened(frame: str) -> str:
    """`function (file:line)` without the line and without the way to the environment."""
    function, _, place = frame.rpartition(" (")
    file = place.rstrip(")").rpartition(":")[0] or place.rstrip(")")
    return f"{function} ({file.partition('site-packages/')[2] or file})"


def memory_mib(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 2**20

"""A million cases, guided by what they reach in the code: no door of ours breaks, and none keeps anybody waiting.

`BYTES_RUNS` multiplies the runs of each door.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.any_bytes.seeds import HERE

SEED = 20_260_302
DOORS = sorted(path.stem for path in HERE.iterdir())
# A million in all, fewer where a case costs more.
RUNS = dict.fromkeys(DOORS, 75_000) | {"token": 25_000, "xes": 50_000, "page": 60_000, "csv": 60_000}
TIMES = float(os.environ.get("BYTES_RUNS", "1"))
# Other lanes may have most of the machine.
SECONDS_MAX = 900 * max(1.0, TIMES)
# Of processor time; what takes longer than this is no hiccup of the machine.
HUNG_SECONDS = 2.0


PROGRAM = [sys.executable, "-m", "tests.support.any_bytes"]

Campaign = dict[str, Future[tuple[Path, "subprocess.CompletedProcess[str]"]]]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """All doors, each in a process of its own, as many at once as there are cores."""

    def tried(door: str, directory: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
        command = [*PROGRAM, "try", door, str(runs_of(door)), str(SEED), str(directory)]
        return directory, subprocess.run(
            command,
            # It ends without tidying up.
            env={**os.environ, "TMPDIR": str(directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS_MAX,
            check=False,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {door: pool.submit(tried, door, tmp_path_factory.mktemp(door)) for door in DOORS}


def runs_of(door: str) -> int:
    return int(RUNS[door] * TIMES)


@pytest.mark.parametrize("door", DOORS)
def test_no_bytes_break_a_door(door: str, campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    directory, tried = campaign[door].result()
    for found in directory.glob("found-*"):
        # One line for a shell, and without its quotes one for the seeds.
        case = repr(found.read_bytes())[1:]
        pytest.fail(f"{' '.join(PROGRAM[1:])} again {door} {case!r}\n{tried.stdout[-4_000:]}")
    assert tried.returncode == 0, tried.stdout[-4_000:]
    figures = json.loads((directory / "figures.json").read_text())
    with capsys.disabled():
        milliseconds = figures["slowest_seconds"] * 1_000
        sys.stdout.write(
            f"\n{door}: {figures['runs']} cases, the slowest {milliseconds:.1f} ms of processor time"
        )
    assert figures["runs"] == runs_of(door)
    assert figures["slowest_seconds"] < HUNG_SECONDS, figures["slowest"]


def test_a_million_cases_are_tried() -> None:
    assert sum(RUNS.values()) >= 1_000_000

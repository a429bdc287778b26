"""A million cases, guided by what they reach in the code: no door of ours breaks, and none keeps anybody waiting.

`BYTES_RUNS` multiplies the runs of each door.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.any_bytes.seeds import HERE

SEED = 20_260_302
DOORS = sorted(path.stem for path in HERE.iterdir())
# A million in all, fewer where a case costs more.
RUNS = dict.fromkeys(DOORS, 75_000) | {"token": 25_000, "xes": 50_000, "page": 60_000, "csv": 60_000}
TIMES = float(os.environ.get("BYTES_RUNS", "1"))
SECONDS_MAX = 300 * max(1.0, TIMES)
# Of processor time; what takes longer than this is no hiccup of the machine.
HUNG_SECONDS = 2.0


@pytest.mark.parametrize("door", DOORS)
def test_no_bytes_break_a_door(door: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = int(RUNS[door] * TIMES)
    program = [sys.executable, "-m", "tests.support.any_bytes"]
    tried = subprocess.run(
        [*program, "try", door, str(runs), str(SEED), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS_MAX,
        check=False,
    )
    for found in tmp_path.glob("found-*"):
        # One line for a shell, and without its quotes one for the seeds.
        case = repr(found.read_bytes())[1:]
        pytest.fail(f"{' '.join(program[1:])} again {door} {case!r}\n{tried.stdout[-4_000:]}")
    assert tried.returncode == 0, tried.stdout[-4_000:]
    figures = json.loads((tmp_path / "figures.json").read_text())
    with capsys.disabled():
        milliseconds = figures["slowest_seconds"] * 1_000
        sys.stdout.write(
            f"\n{door}: {figures['runs']} cases, the slowest {milliseconds:.1f} ms of processor time"
        )
    assert figures["runs"] == runs
    assert figures["slowest_seconds"] < HUNG_SECONDS, figures["slowest"]


def test_a_million_cases_are_tried() -> None:
    assert sum(RUNS.values()) >= 1_000_000

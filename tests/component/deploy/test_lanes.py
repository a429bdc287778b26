"""The lanes of `make test`: one that fails fails all, and whoever ends make ends them and waits for their servers."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eventually import eventually

REPOSITORY = Path(__file__).parents[3]
LANES = ("test-parts", "test-whole")
# What stands in for pytest: it says that it has begun, and takes its time to end.
RUN = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.default_int_handler)
signal.signal(signal.SIGINT, signal.default_int_handler)
lane = pathlib.Path(__file__).parent / os.environ["LANE"]
lane.touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    print("servers are stopped", flush=True)
    lane.unlink()
"""
FAILING = """
import os
raise SystemExit(1 if os.environ["LANE"] == "test-parts" else 0)
"""


def make(directory: Path, run: str) -> "subprocess.Popen[bytes]":
    """`make test`, less its environment, with this program for pytest."""
    program = directory / "run.py"
    program.write_text(run)
    inherited = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "ARGS"}
    with (directory / "output").open("wb") as output:
        return subprocess.Popen(
            ["make", "--jobs=2", "--keep-going", *LANES, f"PYTEST={sys.executable} {program}"],
            cwd=REPOSITORY,
            env=inherited,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda pid: os.kill(pid, signal.SIGTERM), id="a polite kill of make alone"),
        pytest.param(lambda pid: os.killpg(pid, signal.SIGINT), id="Ctrl-C"),
    ],
)
async def test_who_ends_make_ends_its_lanes(tmp_path: Path, end: Callable[[int], None]) -> None:
    def all_run() -> None:
        assert all((tmp_path / lane).exists() for lane in LANES)

    def all_told() -> None:
        assert set((tmp_path / "output").read_text().splitlines()) >= {
            f"{lane}: servers are stopped" for lane in LANES
        }

    made = make(tmp_path, RUN)
    await eventually(all_run, 30)
    end(made.pid)
    assert await asyncio.to_thread(made.wait, 30) != 0
    assert not any((tmp_path / lane).exists() for lane in LANES)
    await eventually(all_told)


def test_a_lane_that_fails_fails_make(tmp_path: Path) -> None:
    assert make(tmp_path, FAILING).wait(30) == 2


@pytest.mark.parametrize(("variables", "code"), [({"LANE": "test-parts"}, 0), ({}, 5)])
def test_only_a_lane_may_have_none_of_the_chosen_tests(variables: dict[str, str], code: int) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "LANE"}
    command = f"{sys.executable} -m pytest -q -p no:cacheprovider tests/unit/bench -k nobody".split()
    ended = subprocess.run(
        command, cwd=REPOSITORY, env={**inherited, **variables}, capture_output=True, timeout=120
    )
    assert ended.returncode == code, ended.stdout.decode()


def test_all_lanes_together_have_some_of_the_chosen_tests() -> None:
    inherited = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "LANE"}
    command = ["make", "--old-file=environment", "test", "PARTS=tests/unit/bench", "WHOLE=tests/unit/house"]
    ended = subprocess.run(
        [*command, f"PYTEST={sys.executable} -m pytest -q", "ARGS=-k 'nobody and here'"],
        cwd=REPOSITORY,
        env=inherited,
        capture_output=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout.decode()) == (2, "No test is chosen by these ARGS.\n")

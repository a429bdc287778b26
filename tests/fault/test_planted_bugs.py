"""The campaigns can fail: each of these bugs is planted into a copy of the repository, and noticed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.planted.bugs import BUGS, Bug
from tests.fault.planted.copying import copied, planted, run

SEEDS = 150
TESTS_FAILED = 1


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[dict[str, str]]:
    """Which campaign noticed what, told at the end."""
    noticed: dict[str, str] = {}
    yield noticed
    for name, by_whom in noticed.items():
        print(f"{by_whom}  {name}")  # noqa: T201 -- the report is what the run is for


@pytest.mark.parametrize("tests", sorted({bug.tests for bug in BUGS}))
def test_nothing_is_noticed_where_nothing_is_planted(copy: Path, tests: str) -> None:
    code, output = campaign(copy, tests)
    assert code == 0, output


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_planted_bug_is_noticed(copy: Path, report: dict[str, str], bug: Bug) -> None:
    with planted(copy, bug):
        code, output = campaign(copy, bug.tests)
    assert code == TESTS_FAILED, output
    assert "make simulate SEED=" in output or "FAILED" in output, output
    report[bug.name] = bug.by.value


def campaign(copy: Path, tests: str) -> tuple[int, str]:
    """A simulation, or these tests: the exit code and the end of what was said."""
    arguments = ["pytest", "-q", "-x", tests] if tests else ["tests.simulation", f"--seeds={SEEDS}"]
    done = run(copy, *arguments)
    return done.returncode, done.stdout[-3_000:]

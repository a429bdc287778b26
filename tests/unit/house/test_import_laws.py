"""The import laws hold, and each of them notices its breach."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deploy.house.sources import ROOT

LAWS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

BREACHES = {
    "services know each other only through events": (
        "services/timeline/projection.py",
        "import services.projects.aggregate",
    ),
    "libraries know no service; converters know only the public API": (
        "libs/chassis/health.py",
        "import integrations.import_line",
    ),
    "chassis knows no domain and no events; access knows the events about it": (
        "libs/chassis/health.py",
        "import libs.events.envelope",
    ),
    "the vocabulary is pure": ("libs/events/schedule.py", "import libs.events.log.log"),
    "the domain is pure: contexts, matching and measures do no input, no output, and own no clock": (
        "services/projects/schedule/milestone/milestone.py",
        "import time",
    ),
    "the checker reads the log for itself: it shares no rule with those it checks": (
        "services/projects/verifying/checks/streams.py",
        "import libs.events.envelope",
    ),
    "aggregates do not import one another": (
        "services/projects/raid/issue/issue.py",
        "import services.projects.schedule.milestone.milestone",
    ),
    "an api speaks HTTP and never to the database or the broker itself": (
        "services/projects/api/commands.py",
        "import asyncpg",
    ),
}


def test_every_law_has_a_breach_to_be_tried_with() -> None:
    assert [law["name"] for law in LAWS["contracts"]] == list(BREACHES)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the tree with every breach in it."""
    directory = tmp_path_factory.mktemp("breached")
    copy_of_tree(directory)
    for path, statement in BREACHES.values():
        with (directory / path).open("a") as file:
            file.write(f"\n{statement}\n")
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=directory,
        env={"PYTHONPATH": str(directory), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize("law", BREACHES)
def test_a_breach_of_the_law_is_noticed(law: str, verdict: str) -> None:
    assert f"{law} BROKEN" in verdict


def copy_of_tree(directory: Path) -> None:
    """Only what the laws speak of: sources, and the file that holds the laws."""
    (directory / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for package in LAWS["root_packages"]:
        for path in (ROOT / package).rglob("*.py"):
            copy = directory / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())

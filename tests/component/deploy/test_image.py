"""What the Dockerfile copies is enough to start a service, and nothing more than it needs."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from libs.chassis.settings import is_safe_interpreter

REPOSITORY = Path(__file__).parents[3]
DOCKERFILE = (REPOSITORY / "deploy/Dockerfile").read_text()
SERVICES = ("projects", "timeline", "notifications")
LEFT_OUT = "libs/chassis/development_issuer.py"
# Loads a program where only the named packages can be imported, as if nothing else were installed, and prints
# the files of everything it loaded.
LOADING = """
import json, re, sys
from importlib import import_module
from importlib.metadata import packages_distributions

service, *installed = sys.argv[1:]
owners = packages_distributions()

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        packages = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners.get(name.partition(".")[0], [])}
        if packages and not packages & set(installed):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
import_module(f"services.{service}.__main__")
print(json.dumps([module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]))
"""


@pytest.fixture
def image(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The directory /milepost of a service's image, made as the Dockerfile makes it."""
    service = request.param
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", Path(LEFT_OUT).name)
    shutil.copytree(REPOSITORY / "libs", tmp_path / "libs", ignore=ignored)
    shutil.copytree(REPOSITORY / "services" / service, tmp_path / "services" / service, ignore=ignored)
    (tmp_path / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs/asyncapi.json", tmp_path / "docs")
    (written,) = re.findall(r"printf '(.+)' \"", DOCKERFILE)
    (tmp_path / "start.py").write_text(written.replace("\\n", "\n") % service)
    return tmp_path


def run(image: Path, *arguments: str) -> str:
    """Run Python as the image does, from elsewhere, with nothing of the repository to import."""
    environment = {
        "PYTHONPATH": str(image),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "80",
    }
    program = [sys.executable, *arguments]
    finished = subprocess.run(program, capture_output=True, text=True, cwd="/", env=environment, timeout=60)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("image", ["projects"], indirect=True)
def test_the_entry_point_starts_the_program(image: Path) -> None:
    said = run(image, str(image / "start.py"), "--help")
    assert "serve" in said
    assert "migrate" in said


@pytest.mark.parametrize(("image", "service"), [(name, name) for name in SERVICES], indirect=["image"])
def test_a_service_needs_only_what_its_image_has(image: Path, service: str) -> None:
    locked = (REPOSITORY / "services" / service / "requirements.txt").read_text()
    installed = [canonical(name) for name in re.findall(r"^([\w.-]+)==", locked, flags=re.MULTILINE)]
    files = json.loads(run(image, "-c", LOADING, service, *installed))
    site_packages = str(REPOSITORY / ".venv")
    ours = [file for file in files if file.startswith(str(REPOSITORY)) and not file.startswith(site_packages)]
    assert ours == []


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_only_the_libraries_one_service_and_what_it_serves_are_copied() -> None:
    sources = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert sources == [
        "services/${SERVICE}/requirements.txt",
        "libs",
        "docs/asyncapi.json",
        "services/${SERVICE}",
    ]


def test_the_development_issuer_is_in_no_image() -> None:
    ignored = (REPOSITORY / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert (REPOSITORY / LEFT_OUT).exists()
    assert LEFT_OUT in ignored


def test_dependencies_are_the_locked_ones_from_no_particular_host() -> None:
    (install,) = re.findall(r"^RUN pip install (.+)$", DOCKERFILE, flags=re.MULTILINE)
    assert "--require-hashes" in install
    assert "://" not in DOCKERFILE


def test_the_image_runs_as_a_numbered_user_without_a_shell() -> None:
    final_stage = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final_stage, flags=re.MULTILINE)
    assert 'ENTRYPOINT ["python", "/milepost/start.py"]' in final_stage
    assert "\nRUN " not in final_stage


def test_the_interpreter_of_the_image_is_safe_enough_for_production() -> None:
    (version,) = re.findall(r"^ARG PYTHON_IMAGE=python:(\d+)\.(\d+)-slim", DOCKERFILE, flags=re.MULTILINE)
    assert is_safe_interpreter((int(version[0]), int(version[1]), 0))


def test_make_builds_the_version_that_compose_and_every_overlay_run() -> None:
    files = [REPOSITORY / "Makefile", REPOSITORY / "deploy/compose.yaml"]
    files += sorted((REPOSITORY / "deploy/k8s/overlays").glob("*/kustomization.yaml"))
    version = re.compile(
        r"^TAG \?= (.+)$|image: milepost/\w+:(.+)$|milepost/\w+, newTag: ([^ }]+)", re.MULTILINE
    )
    found = {
        file: {"".join(groups) for groups in version.findall(file.read_text(encoding="utf-8"))}
        for file in files
    }
    assert len(found) == 4
    assert all(len(versions) == 1 for versions in found.values()), found
    assert len(set.union(*found.values())) == 1, found

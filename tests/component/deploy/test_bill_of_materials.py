"""The bill of materials of an image names what its lock installs there, and is the same for the same lock."""

import json
from pathlib import Path

import pytest

from deploy.bill_of_materials import SERVICES, bill, components, image_environment, main

REPOSITORY = Path(__file__).parents[3]
LINUX = image_environment("ARG PYTHON_IMAGE=python:3.15-slim-trixie\n")
LOCK = """\
Some_Thing==1.2.3 \\
    --hash=sha256:0a30ef8f
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:0a30ef8f
zstandard==0.25.0 ; python_full_version < '3.14' \\
    --hash=sha256:0a30ef8f
truststore==0.10.5 ; sys_platform != 'emscripten' \\
    --hash=sha256:0a30ef8f
"""


def test_it_names_what_is_installed_in_the_image_and_nothing_else() -> None:
    assert list(components(LOCK, LINUX)) == [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
        }
        for name, version in (("some-thing", "1.2.3"), ("truststore", "0.10.5"))
    ]


def test_it_says_which_image_and_differs_when_the_lock_does() -> None:
    first, again, other = (bill("projects", "0.1.0", lock, LINUX) for lock in (LOCK, LOCK, LOCK + "a==1\n"))
    assert first["metadata"] == {
        "component": {
            "type": "application",
            "bom-ref": "projects",
            "name": "milepost-projects",
            "version": "0.1.0",
        }
    }
    assert (first["bomFormat"], first["specVersion"]) == ("CycloneDX", "1.6")
    assert first == again
    assert first["serialNumber"] != other["serialNumber"]


def test_an_image_without_a_version_of_python_is_refused() -> None:
    with pytest.raises(ValueError, match="names no version"):
        image_environment("ARG PYTHON_IMAGE=python@sha256:0a30ef8f\n")


def test_every_service_has_one(tmp_path: Path) -> None:
    main(tmp_path, "0.1.0")
    for service in SERVICES:
        written = json.loads((tmp_path / f"{service}.cdx.json").read_text())
        names = {component["name"] for component in written["components"]}
        assert {"asyncpg", "pydantic", "uvicorn"} <= names
        assert not {"colorama", "pytest", "ruff"} & names

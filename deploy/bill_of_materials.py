"""`make sbom`: what Python packages an image contains, as CycloneDX 1.6, from the lock it is built from.

The same lock makes the same bytes: no instant and no chance in them.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SERVICES = ("projects", "timeline", "notifications")
PYTHON_IMAGE = re.compile(r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)", re.MULTILINE)


def image_environment(dockerfile: str) -> dict[str, str]:
    """What the markers of a lock are asked about: CPython on Linux, in the version of the image."""
    match = PYTHON_IMAGE.search(dockerfile)
    if match is None:
        raise ValueError("the Dockerfile names no version of Python")
    version = match[1]
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def components(lock: str, environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A component for each package of a lock that is installed where this environment is."""
    for line in lock.splitlines():
        if not line or line.startswith((" ", "#")):
            continue
        requirement = Requirement(line.removesuffix("\\").strip())
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        name, (pin,) = canonicalize_name(requirement.name), requirement.specifier
        purl = f"pkg:pypi/{name}@{pin.version}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": pin.version, "purl": purl}


def bill(service: str, version: str, lock: str, environment: dict[str, str]) -> dict[str, Any]:
    """The CycloneDX document of a service's image."""
    program = {"type": "application", "bom-ref": service, "name": f"milepost-{service}", "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid5(NAMESPACE_URL, f"{service} {version}\n{lock}").urn,
        "version": 1,
        "metadata": {"component": program},
        "components": list(components(lock, environment)),
    }


def main(directory: Path, version: str) -> None:
    """Write `<service>.cdx.json` of every service into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    environment = image_environment((ROOT / "deploy/Dockerfile").read_text())
    for service in SERVICES:
        lock = (ROOT / "services" / service / "requirements.txt").read_text()
        written = directory / f"{service}.cdx.json"
        written.write_text(json.dumps(bill(service, version, lock, environment), indent=2) + "\n")
        sys.stdout.write(f"{written}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

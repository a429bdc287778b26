"""Clients made from the committed API documents, each generator as its users run it; a warning is a failure."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.openapi.published import ROOT, path_of
from tests.support import node, tools

SERVICES = ("projects", "timeline", "notifications")
HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
PACKAGE = HERE / "package"
GENERATORS = PROGRAMS / "generators.yaml"
SECONDS_MAX = 120


def said(
    command: Sequence[str | Path],
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    seconds_max: float = SECONDS_MAX,
) -> str:
    """What a program says; raises `AssertionError` with it if the program fails."""
    finished = subprocess.run(
        command,
        cwd=cwd,
        env=dict(environment or os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds_max,
        check=False,
    )
    assert finished.returncode == 0, f"{command}: {finished.returncode}\n{finished.stdout}"
    return finished.stdout


def document_of(service: str) -> Path:
    return ROOT / path_of(service)


def typescript_package() -> Path:
    """The TypeScript programs with the packages their lock names, and nothing generated yet."""
    place = node.installed(PACKAGE)
    shutil.rmtree(place / "generated", ignore_errors=True)
    shutil.rmtree(place / "built", ignore_errors=True)
    return place


def typescript_types(place: Path, service: str) -> str:
    """Generate types with openapi-typescript; what it said."""
    output = place / "generated/types" / f"{service}.d.ts"
    program = place / "node_modules/openapi-typescript/bin/cli.js"
    options: list[str | Path] = ["--default-non-nullable", "false", "--output", output]
    return said([node.NODE, program, document_of(service), *options], place, node.environment())


def typescript_client(place: Path, service: str) -> str:
    """Generate a client with @hey-api/openapi-ts; what it said."""
    program = place / "node_modules/@hey-api/openapi-ts/bin/run.js"
    options: list[str | Path] = [
        "-i",
        document_of(service),
        "-o",
        place / "generated" / service,
        "--no-log-file",
    ]
    return said([node.NODE, program, *options], place, node.environment())


def python_client(place: Path, service: str) -> str:
    """Generate the package `milepost_<service>` with openapi-python-client; what it said."""
    program = tools.tool("openapi-python-client")
    options: list[str | Path] = [
        "--meta",
        "none",
        "--fail-on-warning",
        "--overwrite",
        "--config",
        str(GENERATORS),
    ]
    output = place / f"milepost_{service}"
    command = [program, "generate", "--path", document_of(service), "--output-path", output, *options]
    return said(command, place, tools.environment(program))

"""Generated clients create, change, meet a conflict and read the history, knowing nothing but the API documents."""

import json
import os
from pathlib import Path

import pytest

from tests.clients import generating
from tests.clients.generating import PROGRAMS, said
from tests.support import node, tools

LIFE = {
    "versions": [1, 2, 3],
    "conflict": [412, "stale_version", 2],
    "baselines": ["2027-01-31"],
    "forecasts": ["2027-01-31", "2027-03-15"],
    "changes": ["milestone.planned", "milestone.committed", "milestone.reforecast"],
}
SERVICES = pytest.mark.parametrize("service", generating.SERVICES)


@SERVICES
def test_every_generator_takes_the_whole_document(
    typescript: Path, python_clients: Path, service: str
) -> None:
    """What a generator skips it warns of, and a warning is a failure; so every operation is there by its name."""
    document = json.loads(generating.document_of(service).read_text())
    names = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    }
    client = (typescript / "generated" / service / "sdk.gen.ts").read_text()
    types = (typescript / "generated/types" / f"{service}.d.ts").read_text()
    modules = {path.stem.replace("_", "") for path in python_clients.glob(f"milepost_{service}/api/*/*.py")}
    for name in names:
        assert f"export const {name} " in client
        assert f'operations["{name}"]' in types
        assert name.lower() in modules


@pytest.mark.parametrize("program", ["whole_client", "typed_fetch"])
def test_a_typescript_client_lives_the_life_of_a_milestone(
    typescript: Path, told: dict[str, str], program: str
) -> None:
    result = said(
        [node.NODE, typescript / "built" / f"{program}.js"], typescript, {**node.environment(), **told}
    )
    assert json.loads(result) == LIFE


def test_a_python_client_lives_the_life_of_a_milestone(python_clients: Path, told: dict[str, str]) -> None:
    python = tools.tool("python")
    environment = {**os.environ, **told, "PYTHONPATH": str(python_clients)}
    assert json.loads(said([python, PROGRAMS / "python_client.py"], python_clients, environment)) == LIFE


def test_the_program_fits_the_types_of_the_python_client(python_clients: Path) -> None:
    checker = tools.tool("mypy")
    environment = {**tools.environment(checker), "MYPYPATH": str(python_clients)}
    # The generated packages are of their generator's taste; the program is of ours.
    said(
        [checker, "--strict", "--follow-imports=silent", PROGRAMS / "python_client.py"],
        python_clients,
        environment,
    )

"""What a part imports, its pyproject.toml names: an image holds exactly what was named."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from deploy.house.sources import ROOT, Finding, Source, files

OURS = frozenset({"services", "libs", "integrations", "deploy", "tests"})
REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9._-]+")


# What a distribution offers under a second name.
PARTS = {"pydantic_core": "pydantic"}


def undeclared_imports(source: Source, declared: Mapping[Path, frozenset[str]]) -> Iterator[Finding]:
    """`declared`: by folder of a pyproject.toml, the distributions it names."""
    part = next((folder for folder in source.path.parents if folder in declared), None)
    if part is None:
        return
    for module, line in imported_modules(source.tree):
        if module in sys.stdlib_module_names or module in OURS:
            continue
        distributions = {normalized(name) for name in DISTRIBUTIONS.get(module, [module])} | {
            PARTS.get(module, module)
        }
        if not distributions & declared[part]:
            yield Finding(
                source.path, line, f"`{module}` is not among the dependencies of {part}/pyproject.toml"
            )


def declared_dependencies() -> dict[Path, frozenset[str]]:
    """For each service and library, the normalized names of the distributions it declares."""
    declared = {}
    for path in files("services/*/pyproject.toml", "libs/*/pyproject.toml"):
        project = tomllib.loads((ROOT / path).read_text())["project"]
        names = (REQUIREMENT_NAME.match(requirement) for requirement in project["dependencies"])
        declared[path.parent] = frozenset(normalized(match[0]) for match in names if match)
    return declared


def imported_modules(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Top-level names of absolute imports, wherever in the file they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0], node.lineno


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


DISTRIBUTIONS = packages_distributions()

"""Behind one host, every operation and every problem page of every service is found, and nothing internal is."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from deploy.k8s.manifests import Document, Manifests
from deploy.k8s.rules.exposure import destination
from deploy.local.programs import SERVICES

REPOSITORY = Path(__file__).parents[3]
# What a service answers besides, for people inside the cluster.
PRIVATE_PATHS = (
    "/internal/v1/log",
    "/internal/v1/key-uses",
    "/metrics",
    "/livez",
    "/readyz",
    "/docs",
    "/openapi.json",
)
CODES = """
import json
from importlib import import_module

import_module("services.{service}.__main__")
if "{service}" == "projects":
    import_module("services.projects.api.problems").register_rejections()
from libs.chassis.problem_codes import REGISTRY

print(json.dumps(sorted(REGISTRY)))
"""


@pytest.fixture
def route(production: Manifests) -> Document:
    (route,) = production.of_kind("HTTPRoute")
    return route


def documented_paths(service: str) -> set[str]:
    """As its committed API document has them, which `make check` holds against the program."""
    return set(json.loads((REPOSITORY / f"docs/openapi/{service}.json").read_text())["paths"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_a_service_is_reached_through_the_host(route: Document, service: str) -> None:
    paths = {path for path in documented_paths(service) if path.startswith("/v1/")}
    assert paths
    strays = {path: destination(route, re.sub(r"\{.*?\}", "x", path)) for path in paths}
    assert {path: found for path, found in strays.items() if found != service} == {}


@cache
def problem_codes(service: str) -> set[str]:
    """The codes a service knows; in a process of its own, because the registry of a process knows them all."""
    program = [sys.executable, "-c", CODES.format(service=service)]
    said = subprocess.run(program, capture_output=True, cwd=REPOSITORY, check=True, timeout=60).stdout
    return set(json.loads(said))


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_of_every_problem_of_a_service_is_found(route: Document, service: str) -> None:
    known = {each: problem_codes(each) for each in SERVICES}
    lost = {
        code
        for code in known[service]
        if code not in known[destination(route, f"/problems/{code}") or service]
    }
    assert lost == set()


@pytest.mark.parametrize("path", PRIVATE_PATHS)
def test_what_is_meant_for_the_inside_is_not_routed(route: Document, path: str) -> None:
    assert destination(route, path) is None

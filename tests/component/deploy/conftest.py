"""The overlays as kubectl renders them, once for the session; each test gets copies to spoil."""

import copy

import pytest

from deploy.k8s.manifests import Manifests
from deploy.k8s.rendering import OVERLAYS, check_kubectl, render


@pytest.fixture(scope="session")
def rendered() -> dict[str, Manifests]:
    check_kubectl()
    return {name: render(OVERLAYS / name) for name in ("dev", "production")}


@pytest.fixture
def dev(rendered: dict[str, Manifests]) -> Manifests:
    return copy.deepcopy(rendered["dev"])


@pytest.fixture
def production(rendered: dict[str, Manifests]) -> Manifests:
    return copy.deepcopy(rendered["production"])

"""Every rule finds nothing in the overlays as they are, and finds the mistakes it was made for."""

import pytest

from deploy.k8s.manifests import Manifests
from deploy.k8s.rendering import OVERLAYS, overlays
from deploy.k8s.validate import findings_of, rules_for
from tests.component.deploy.slips import exposure, kinds, network, references, variables, workloads
from tests.component.deploy.spoiling import Slip

SLIPS = [
    *kinds.SLIPS,
    *workloads.SLIPS,
    *references.SLIPS,
    *variables.SLIPS,
    *network.SLIPS,
    *exposure.SLIPS,
]


def test_there_are_two_overlays() -> None:
    assert [overlay.name for overlay in overlays()] == ["dev", "production"]


@pytest.mark.parametrize("overlay", ["dev", "production"])
def test_an_overlay_keeps_every_rule(overlay: str) -> None:
    assert findings_of(OVERLAYS / overlay) == []


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_slip_is_found(production: Manifests, slip: Slip) -> None:
    slip.spoil(production)
    assert any(slip.sentence in str(finding) for finding in slip.rule(production))


def test_every_rule_was_seen_to_find_something() -> None:
    assert {slip.rule for slip in SLIPS} == set(rules_for("production"))

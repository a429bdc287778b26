"""Every rule finds the mistakes it was made for. That it finds nothing else, the command itself is asked."""

import pytest

from deploy.k8s.manifests import Manifests
from deploy.k8s.rendering import overlays
from deploy.k8s.validate import rules_for
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


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_a_slip_is_found(production: Manifests, slip: Slip) -> None:
    slip.spoil(production)
    assert any(slip.sentence in str(finding) for finding in slip.rule(production))


def test_every_rule_was_seen_to_find_something() -> None:
    assert {slip.rule for slip in SLIPS} == set(rules_for("production"))

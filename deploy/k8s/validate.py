"""Renders every overlay and holds it against the schemas of Kubernetes and the rules of the house.

`python -m deploy.k8s.validate` prints what is wrong and ends with 1, or says what it checked and ends with 0.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.k8s.manifests import Finding, Manifests
from deploy.k8s.rendering import (
    KUBERNETES_VERSIONS,
    KubectlUnfit,
    NotRendered,
    check_kubectl,
    overlays,
    render,
    unknown_to_kubernetes,
)
from deploy.k8s.rules import exposure, network, references, variables, workloads

VERSIONS = " to ".join(KUBERNETES_VERSIONS)
Rule = Callable[[Manifests], Iterator[Finding]]
RULES: tuple[Rule, ...] = (
    unknown_to_kubernetes,
    *workloads.RULES,
    *references.RULES,
    *variables.RULES,
    *network.RULES,
    *exposure.RULES,
)


def rules_for(overlay: str) -> tuple[Rule, ...]:
    """The rules an overlay of this name must keep."""
    return RULES + (exposure.PRODUCTION_RULES if overlay == "production" else ())


def findings_of(overlay: Path) -> list[Finding]:
    """Everything that is wrong with one overlay; raises `NotRendered`."""
    manifests = render(overlay)
    return [finding for rule in rules_for(overlay.name) for finding in rule(manifests)]


def validate() -> int:
    """Validate all overlays and say so; returns the number of those that are wrong, or of overlays missing."""
    failures = 0
    for overlay in overlays():
        try:
            findings = [str(finding) for finding in findings_of(overlay)]
        except NotRendered as error:
            findings = [str(error)]
        failures += bool(findings)
        verdict = f"{len(findings)} findings" if findings else f"fits Kubernetes {VERSIONS} and the rules"
        say(f"{overlay.name}: {verdict}")
        for finding in findings:
            say(f"  {finding}")
    if not overlays():
        say("there is no overlay to validate")
        failures += 1
    return failures


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> int:
    try:
        check_kubectl()
    except KubectlUnfit as error:
        say(str(error))
        return 1
    return 1 if validate() else 0


if __name__ == "__main__":
    sys.exit(main())

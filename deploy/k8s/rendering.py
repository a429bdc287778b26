"""From an overlay to documents, with the kubectl of this machine; and whether Kubernetes knows what they say."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from deploy.k8s.manifests import Document, Finding, Manifests, where

OVERLAYS = Path(__file__).parent / "overlays"
KUBECTL_MIN = (1, 27)
# The oldest and the newest that the manifests are meant for.
KUBERNETES_VERSIONS = ("1.27", "1.37")
RENDER_SECONDS_MAX = 60
# Kinds of extensions, whose schemas Kubernetes does not have. Every other unknown kind is a mistake.
EXTENSIONS = {
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
}


class KubectlUnfit(Exception):
    """There is no kubectl here, or one that is too old; says what to install."""


class NotRendered(Exception):
    """kubectl could not render an overlay; carries what it said."""


def check_kubectl(program: str = "kubectl") -> None:
    """Raises `KubectlUnfit` unless `program` is a kubectl of at least `KUBECTL_MIN`."""
    wanted = ".".join(map(str, KUBECTL_MIN))
    advice = f"Install kubectl {wanted} or newer: https://kubernetes.io/docs/tasks/tools/"
    try:
        said = subprocess.run(
            [program, "version", "--client", "--output=json"], capture_output=True, timeout=30, check=True
        ).stdout
        version = json.loads(said)["clientVersion"]
    except FileNotFoundError:
        raise KubectlUnfit(f"kubectl is not on the PATH. {advice}") from None
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise KubectlUnfit(f"kubectl does not say its version ({error}). {advice}") from error
    numbers = [int(re.match(r"\d+", version[part])[0]) for part in ("major", "minor")]  # type: ignore[index]
    if tuple(numbers) < KUBECTL_MIN:
        raise KubectlUnfit(f"kubectl {version['gitVersion']} is too old. {advice}")


def overlays() -> list[Path]:
    """Every overlay there is, in alphabetical order."""
    return sorted(path.parent for path in OVERLAYS.glob("*/kustomization.yaml"))


def render(overlay: Path, program: str = "kubectl") -> Manifests:
    """The documents `kubectl kustomize` makes of an overlay; raises `NotRendered`."""
    rendered = subprocess.run(
        [program, "kustomize", str(overlay)], capture_output=True, text=True, timeout=RENDER_SECONDS_MAX
    )
    if rendered.returncode != 0:
        raise NotRendered(rendered.stderr.strip())
    return Manifests([document for document in yaml.safe_load_all(rendered.stdout) if document])


def unknown_to_kubernetes(manifests: Manifests) -> Iterator[Finding]:
    """Every document must fit the schema of its kind exactly; unknown fields and unknown kinds are findings."""
    for document in manifests.documents:
        if (document["apiVersion"], document["kind"]) not in EXTENSIONS:
            for version in KUBERNETES_VERSIONS:
                yield from _unfit(document, version)


def _unfit(document: Document, version: str) -> Iterator[Finding]:
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        unknown = f"Kubernetes {version} has no {document['kind']} in {document['apiVersion']}"
        yield Finding(where(document), unknown)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(step) for step in error.path) or "the document"
        yield Finding(where(document), f"{place}: {error.message}")

"""Documents that Kubernetes would refuse, or worse, half ignore."""

from deploy.k8s.manifests import Manifests
from deploy.k8s.rendering import unknown_to_kubernetes
from tests.component.deploy.spoiling import Slip, found, in_pod, in_spec


def misname_kind(manifests: Manifests) -> None:
    found(manifests, "HTTPRoute", "milepost")["kind"] = "HttpRoute"


SLIPS = [
    Slip(
        "a misspelt field",
        unknown_to_kubernetes,
        in_pod("projects", lambda pod: pod.update(hostNetwrk=True)),
        "hostNetwrk",
    ),
    Slip(
        "a value of the wrong type",
        unknown_to_kubernetes,
        in_spec("Deployment", "projects", lambda spec: spec.update(replicas="2")),
        "replicas",
    ),
    Slip("a misnamed kind", unknown_to_kubernetes, misname_kind, "Kubernetes 1.27 has no HttpRoute"),
]

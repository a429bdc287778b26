"""Ways to spoil a rendered overlay, each the slip or shortcut that one rule exists for."""

from collections.abc import Callable
from typing import Any, NamedTuple

from deploy.k8s.manifests import Document, Manifests
from deploy.k8s.validate import Rule

Spoil = Callable[[Manifests], None]


class Slip(NamedTuple):
    """What somebody did wrong, the rule that notices it, and what the rule says."""

    name: str
    rule: Rule
    spoil: Spoil
    sentence: str


def found(manifests: Manifests, kind: str, name: str) -> Document:
    document = manifests.find(kind, name)
    if document is None:
        raise LookupError(f"there is no {kind} {name}")
    return document


def pod_of(manifests: Manifests, kind: str, name: str) -> Document:
    pod: Document = found(manifests, kind, name)["spec"]["template"]["spec"]
    return pod


def container_of(manifests: Manifests, kind: str, name: str) -> Document:
    container: Document = pod_of(manifests, kind, name)["containers"][0]
    return container


def in_container(name: str, spoil: Callable[[Document], Any], kind: str = "Deployment") -> Spoil:
    return lambda manifests: spoil(container_of(manifests, kind, name))


def in_pod(name: str, spoil: Callable[[Document], Any], kind: str = "Deployment") -> Spoil:
    return lambda manifests: spoil(pod_of(manifests, kind, name))


def in_spec(kind: str, name: str, spoil: Callable[[Document], Any]) -> Spoil:
    return lambda manifests: spoil(found(manifests, kind, name)["spec"])


def without(kind: str, name: str) -> Spoil:
    return lambda manifests: manifests.documents.remove(found(manifests, kind, name))


def data_of(manifests: Manifests, prefix: str) -> dict[str, str]:
    """The data of the ConfigMap whose name, but for the hash of its content, is this."""
    for document in manifests.of_kind("ConfigMap"):
        if document["metadata"]["name"].rpartition("-")[0] == prefix:
            data: dict[str, str] = document["data"]
            return data
    raise LookupError(f"there is no ConfigMap {prefix}")


def in_data(prefix: str, spoil: Callable[[dict[str, str]], Any]) -> Spoil:
    return lambda manifests: spoil(data_of(manifests, prefix))


def variable(name: str, value: str) -> Callable[[Document], None]:
    """Gives a container a variable, at the end."""
    return lambda container: container.setdefault("env", []).append({"name": name, "value": value})


def no_variable(name: str) -> Callable[[Document], None]:
    def remove(container: Document) -> None:
        container["env"] = [each for each in container["env"] if each["name"] != name]

    return remove

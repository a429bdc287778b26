"""The rendered documents of one overlay, seen as what the rules ask about: workloads, containers, pods."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Labels = Mapping[str, str]
WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with which document; the sentence says what to do about it."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a workload, initial containers included."""

    workload: "Workload"
    document: Document

    @property
    def where(self) -> str:
        return f"{self.workload.where}, container {self.document['name']}"

    @property
    def image(self) -> str:
        return str(self.document.get("image", ""))

    @property
    def service(self) -> str | None:
        """The service whose program it runs, or None for somebody else's program."""
        name = self.image.partition("@")[0].partition(":")[0]
        return name.rpartition("/")[2] if name.startswith("milepost/") else None

    @property
    def environment(self) -> list[Document]:
        return list(self.document.get("env", []))


@dataclass(frozen=True, slots=True)
class Workload:
    """A document that makes pods."""

    document: Document

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def where(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_long_running(self) -> bool:
        return self.kind in ("Deployment", "StatefulSet")

    @property
    def template(self) -> Document:
        spec = self.document["spec"]
        template: Document = (spec["jobTemplate"]["spec"] if self.kind == "CronJob" else spec)["template"]
        return template

    @property
    def pod(self) -> Document:
        pod: Document = self.template["spec"]
        return pod

    @property
    def pod_labels(self) -> Labels:
        labels: Labels = self.template["metadata"].get("labels", {})
        return labels

    @property
    def containers(self) -> list[Container]:
        return [
            Container(self, document)
            for key in ("initContainers", "containers")
            for document in self.pod.get(key, [])
        ]

    def port(self, name_or_number: str | int) -> int | None:
        """The number of a container port given by name or number; None if no container has it."""
        for container in self.containers:
            for port in container.document.get("ports", []):
                if name_or_number in (port.get("name"), port["containerPort"]):
                    return int(port["containerPort"])
        return None


class Manifests:
    """All documents of one rendered overlay."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def of_kind(self, *kinds: str) -> list[Document]:
        return [document for document in self.documents if document["kind"] in kinds]

    def find(self, kind: str, name: str) -> Document | None:
        for document in self.of_kind(kind):
            if document["metadata"]["name"] == name:
                return document
        return None

    def workloads(self) -> list[Workload]:
        return [Workload(document) for document in self.of_kind(*WORKLOAD_KINDS)]

    def containers(self) -> Iterator[Container]:
        for workload in self.workloads():
            yield from workload.containers

    def pods(self) -> dict[str, Labels]:
        """The labels of every group of pods by its workload's name, those an operator makes from a Cluster included."""
        pods = {workload.name: workload.pod_labels for workload in self.workloads()}
        for cluster in self.of_kind("Cluster"):
            inherited = cluster["spec"].get("inheritedMetadata", {}).get("labels", {})
            pods[cluster["metadata"]["name"]] = {"cnpg.io/cluster": cluster["metadata"]["name"], **inherited}
        return pods


def where(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a label selector matches; an empty one matches everything. Raises `ValueError` for unknown operators."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_meets(expression, labels) for expression in selector.get("matchExpressions", []))


def _meets(expression: Mapping[str, Any], labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values", [])
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"no such operator: {expression['operator']}")

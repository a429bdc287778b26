"""What one document says about another must be true: selectors select, ports exist, names resolve."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.k8s.manifests import Container, Document, Finding, Manifests, Workload, selects, where

# What the operator of a production cluster provides (docs/operating.md); an overlay may make them itself instead.
PROVIDED_SECRETS: Mapping[str, frozenset[str]] = {
    "administrator": frozenset({"database-url"}),
    "projects": frozenset(
        {
            "database-url",
            "relay-database-url",
            "nats-url",
            "keeper-nats-url",
            "admission-nats-url",
            "nats-issuer-seed",
        }
    ),
    "timeline": frozenset({"database-url", "internal-database-url", "nats-url", "service-token"}),
    "notifications": frozenset(
        {"database-url", "internal-database-url", "nats-url", "service-token", "secrets-key"}
    ),
    "nats": frozenset(
        {
            *(
                f"{user}-password"
                for user in ("relay", "keeper", "timeline", "notifications", "admission", "route")
            ),
            "issuer",
        }
    ),
}
PROVIDED_CONFIG_MAPS: Mapping[str, frozenset[str]] = {"jwks": frozenset({"jwks.json"})}
KINDS = {
    "configMapRef": "ConfigMap",
    "secretRef": "Secret",
    "configMapKeyRef": "ConfigMap",
    "secretKeyRef": "Secret",
}


def workloads_select_their_own_pods(manifests: Manifests) -> Iterator[Finding]:
    for workload in manifests.workloads():
        selector = workload.document["spec"].get("selector")
        if selector is not None and not selects(selector, workload.pod_labels):
            yield Finding(workload.where, "spec.selector does not match the labels of its template")
        if workload.kind == "StatefulSet":
            name = workload.document["spec"]["serviceName"]
            if manifests.find("Service", name) is None:
                yield Finding(workload.where, f"there is no Service {name}")


def services_reach_pods(manifests: Manifests) -> Iterator[Finding]:
    """A Service selects the pods of exactly one workload, and its target ports are ports of those pods."""
    for service in manifests.of_kind("Service"):
        selector = {"matchLabels": service["spec"].get("selector", {})}
        reached = [workload for workload in manifests.workloads() if selects(selector, workload.pod_labels)]
        if len(reached) != 1:
            names = ", ".join(workload.where for workload in reached) or "nothing"
            yield Finding(where(service), f"must select the pods of one workload, selects {names}")
            continue
        for port in service["spec"]["ports"]:
            if reached[0].port(port.get("targetPort", port["port"])) is None:
                yield Finding(where(service), f"{reached[0].where} has no port {port.get('targetPort')}")


def selectors_select(manifests: Manifests) -> Iterator[Finding]:
    """A budget, a policy or a monitor that selects nothing is a slip of the pen."""
    groups = manifests.pods().values()
    for document in manifests.of_kind("PodDisruptionBudget", "NetworkPolicy"):
        field = "selector" if document["kind"] == "PodDisruptionBudget" else "podSelector"
        if not any(selects(document["spec"][field], labels) for labels in groups):
            yield Finding(where(document), "selects no pods")
        for peer in _pod_peers(document):
            if not any(selects(peer, labels) for labels in groups):
                yield Finding(where(document), f"the peer {peer} is no pod")
    for monitor in manifests.of_kind("ServiceMonitor"):
        yield from _monitored(manifests, monitor)


def _pod_peers(document: Document) -> Iterator[Mapping[str, Any]]:
    """The pods of this namespace that a NetworkPolicy names."""
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in document["spec"].get(direction, []):
            for peer in rule.get(side, []):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield peer["podSelector"]


def _monitored(manifests: Manifests, monitor: Document) -> Iterator[Finding]:
    selector = monitor["spec"]["selector"]
    services = [
        service
        for service in manifests.of_kind("Service")
        if selects(selector, service["metadata"].get("labels", {}))
    ]
    if not services:
        yield Finding(where(monitor), "selects no Service")
    for service in services:
        names = {port["name"] for port in service["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in names:
                yield Finding(where(monitor), f"{where(service)} has no port {endpoint['port']}")


def names_resolve(manifests: Manifests) -> Iterator[Finding]:
    """Every key of a ConfigMap or Secret that a pod wants is in this overlay or among the provided ones."""
    for workload in manifests.workloads():
        for kind, name, key in _wanted(workload):
            keys = _keys(manifests, kind, name)
            if keys is None:
                yield Finding(workload.where, f"there is no {kind} {name}")
            elif key is not None and key not in keys:
                yield Finding(workload.where, f"{kind} {name} has no key {key}")


def _wanted(workload: Workload) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and key; the key is None where all of them are wanted."""
    for volume in workload.pod.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"], None
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], None
    for container in workload.containers:
        for source in container.document.get("envFrom", []):
            yield from ((KINDS[field], reference["name"], None) for field, reference in source.items())
        for variable in container.environment:
            for field, reference in variable.get("valueFrom", {}).items():
                if field in KINDS:
                    yield KINDS[field], reference["name"], reference["key"]


def _keys(manifests: Manifests, kind: str, name: str) -> frozenset[str] | None:
    document = manifests.find(kind, name)
    if document is not None:
        return frozenset({**document.get("data", {}), **document.get("stringData", {})})
    provided = PROVIDED_SECRETS if kind == "Secret" else PROVIDED_CONFIG_MAPS
    return provided.get(name)


def mounts_have_volumes(manifests: Manifests) -> Iterator[Finding]:
    for workload in manifests.workloads():
        claims = workload.document["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in workload.pod.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in claims}
        for container in workload.containers:
            for mount in container.document.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield Finding(container.where, f"there is no volume {mount['name']}")


def expansions_are_defined_before(manifests: Manifests) -> Iterator[Finding]:
    """Kubernetes puts a value into `$(NAME)` only if NAME stands further up; otherwise it stays as it is."""
    for container in manifests.containers():
        yield from _undefined_expansions(container)


def _undefined_expansions(container: Container) -> Iterator[Finding]:
    known: set[str] = set()
    for variable in container.environment:
        for name in re.findall(r"\$\((\w+)\)", variable.get("value", "")):
            if name not in known:
                yield Finding(container.where, f"{variable['name']} uses {name}, which is not defined before")
        known.add(variable["name"])


RULES = (
    workloads_select_their_own_pods,
    services_reach_pods,
    selectors_select,
    names_resolve,
    mounts_have_volumes,
    expansions_are_defined_before,
)

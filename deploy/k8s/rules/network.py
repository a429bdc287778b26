"""Who may talk to whom, worked out from the policies of both ends and compared with what is meant."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple

from deploy.k8s.manifests import Document, Finding, Labels, Manifests, selects, where
from services.notifications.channels.webhooks.addresses import REFUSED_NETWORKS, Network


class Edge(NamedTuple):
    """One end may open connections to the other. Outside the namespace: `namespace:<name>`, or a range of addresses."""

    source: str
    target: str
    port: int | str


HTTP, METRICS, POSTGRES, NATS = 8000, 9000, 5432, 4222
SERVICES = ("projects", "timeline", "notifications")
INSIDE = frozenset(
    {
        *(Edge(service, "postgres", POSTGRES) for service in SERVICES),
        *(Edge(f"migrate-{service}", "postgres", POSTGRES) for service in SERVICES),
        Edge("rebuild-timeline", "postgres", POSTGRES),
        Edge("rebuild-timeline", "projects", HTTP),
        Edge("verify-projects", "postgres", POSTGRES),
        Edge("verify-projects", "nats", NATS),
        *(Edge(service, "nats", NATS) for service in SERVICES),
        # The feed of the log; nobody else talks to another service.
        Edge("timeline", "projects", HTTP),
        Edge("notifications", "projects", HTTP),
    }
)
FROM_OUTSIDE = frozenset(
    {
        *(Edge("namespace:gateway", service, HTTP) for service in SERVICES),
        *(Edge("namespace:monitoring", service, METRICS) for service in SERVICES),
        Edge("namespace:integrations", "nats", NATS),
    }
)
# Webhook receivers, on the public internet.
TO_OUTSIDE = frozenset(
    Edge("notifications", addresses, port) for addresses in ("0.0.0.0/0", "2000::/3") for port in (443, 8443)
)
# What a cluster of three adds, where it is.
OF_NATS_CLUSTER = frozenset({Edge("nats", "nats", 6222)})
OF_POSTGRES_CLUSTER = frozenset(
    {
        Edge("postgres", "postgres", POSTGRES),
        Edge("namespace:cnpg-system", "postgres", POSTGRES),
        Edge("namespace:cnpg-system", "postgres", 8000),
        Edge("namespace:monitoring", "postgres", 9187),
        Edge("postgres", "anywhere", 443),
        Edge("postgres", "anywhere", 6443),
    }
)


def nothing_is_allowed_by_default(manifests: Manifests) -> Iterator[Finding]:
    for policy in manifests.of_kind("NetworkPolicy"):
        spec = policy["spec"]
        if spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
            return
    yield Finding("NetworkPolicy default-deny", "is missing: every pod must be denied both directions")


def every_workload_has_a_policy(manifests: Manifests) -> Iterator[Finding]:
    """Of its own, in both directions; otherwise nobody thought about it."""
    for name, labels in manifests.pods().items():
        own = [policy for policy in _policies_of(manifests, labels) if policy["spec"]["podSelector"]]
        directions = {direction for policy in own for direction in policy["spec"]["policyTypes"]}
        if directions != {"Ingress", "Egress"}:
            yield Finding(name, "has no NetworkPolicy of its own in both directions")


def only_the_meant_edges_exist(manifests: Manifests) -> Iterator[Finding]:
    """An edge inside needs the consent of both ends; one end alone is a finding too."""
    meant = set(INSIDE | FROM_OUTSIDE | TO_OUTSIDE)
    nats = manifests.find("StatefulSet", "nats")
    if nats is not None and nats["spec"]["replicas"] > 1:
        meant |= OF_NATS_CLUSTER
    if manifests.of_kind("Cluster"):
        meant |= OF_POSTGRES_CLUSTER
    leaving, arriving = set(_leaving(manifests)), set(_arriving(manifests))
    names = manifests.pods().keys()
    for edge in sorted(meant | leaving | arriving, key=str):
        sentence = _judged(edge, edge in meant, edge in leaving, edge in arriving, names)
        if sentence is not None:
            yield Finding(f"{edge.source} → {edge.target}:{edge.port}", sentence)


def _judged(edge: Edge, meant: bool, leaves: bool, arrives: bool, names: Any) -> str | None:
    allowed = (leaves or edge.source not in names) and (arrives or edge.target not in names)
    if meant and not allowed:
        return "is needed and not allowed by both ends"
    if not meant and (leaves or arrives):
        return "is allowed and not meant"
    return None


def _policies_of(manifests: Manifests, labels: Labels) -> list[Document]:
    policies = manifests.of_kind("NetworkPolicy")
    return [policy for policy in policies if selects(policy["spec"]["podSelector"], labels)]


def _leaving(manifests: Manifests) -> Iterator[Edge]:
    for source, labels in manifests.pods().items():
        for policy in _policies_of(manifests, labels):
            for rule in policy["spec"].get("egress", []):
                for target in _ends(manifests, rule.get("to")):
                    for port in rule.get("ports", [{"port": "any"}]):
                        if not _is_name_resolution(target, port):
                            yield Edge(source, target, _number(manifests, target, port["port"]))


def _arriving(manifests: Manifests) -> Iterator[Edge]:
    for target, labels in manifests.pods().items():
        for policy in _policies_of(manifests, labels):
            for rule in policy["spec"].get("ingress", []):
                for source in _ends(manifests, rule.get("from")):
                    for port in rule.get("ports", [{"port": "any"}]):
                        yield Edge(source, target, _number(manifests, target, port["port"]))


def _ends(manifests: Manifests, peers: list[Mapping[str, Any]] | None) -> Iterator[str]:
    """Names of pods, namespaces and address ranges that peers stand for; no peers means anybody."""
    if peers is None:
        yield "anywhere"
    for peer in peers or []:
        if "ipBlock" in peer:
            yield peer["ipBlock"]["cidr"]
        elif "namespaceSelector" in peer:
            labels = peer["namespaceSelector"].get("matchLabels", {})
            yield f"namespace:{labels.get('kubernetes.io/metadata.name', 'any')}"
        else:
            yield from (
                name for name, labels in manifests.pods().items() if selects(peer["podSelector"], labels)
            )


def _is_name_resolution(target: str, port: Mapping[str, Any]) -> bool:
    return target == "namespace:kube-system" and port["port"] == 53


def _number(manifests: Manifests, target: str, port: int | str) -> int | str:
    """A named port by its number, as the target's containers define it."""
    for workload in manifests.workloads():
        if workload.name == target and isinstance(port, str):
            return workload.port(port) or port
    return port


def webhooks_stay_outside(manifests: Manifests) -> Iterator[Finding]:
    """Whatever address the program refuses to call, the network refuses too: the second wall has no lower part."""
    for policy in manifests.of_kind("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for peer in rule.get("to", []):
                for refused in _uncovered(peer["ipBlock"]) if "ipBlock" in peer else []:
                    yield Finding(where(policy), f"{peer['ipBlock']['cidr']} must except {refused}")


def _uncovered(block: Mapping[str, Any]) -> Iterator[str]:
    """The refused networks that the block lets through, wholly or in part."""
    exceptions = [ip_network(text) for text in block.get("except", [])]
    for refused in REFUSED_NETWORKS:
        inside = _overlap(refused, ip_network(block["cidr"]))
        if inside and not any(_overlap(refused, exception) == inside for exception in exceptions):
            yield str(refused)


def _overlap(one: Network, other: Network) -> tuple[int, int] | None:
    """The first and last address that two networks share, as numbers; None if they share none."""
    if one.version != other.version:
        return None
    first = max(int(one.network_address), int(other.network_address))
    last = min(int(one.broadcast_address), int(other.broadcast_address))
    return (first, last) if first <= last else None


RULES = (
    nothing_is_allowed_by_default,
    every_workload_has_a_policy,
    only_the_meant_edges_exist,
    webhooks_stay_outside,
)

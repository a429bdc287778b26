"""What the world outside the cluster reaches, and what a production overlay must not be without."""

import json
from collections.abc import Iterator, Mapping

from deploy.k8s.manifests import Container, Document, Finding, Manifests, where
from deploy.k8s.rules.variables import environment

# Never reachable from outside, whatever a route says.
HIDDEN_PATHS = ("/internal", "/metrics", "/livez", "/readyz")
REPLICAS_MIN = 2
NATS_NODES = 3


def routes_lead_somewhere(manifests: Manifests) -> Iterator[Finding]:
    """Every route ends at a port of a Service that exists, and belongs to hosts somebody named."""
    for route in manifests.of_kind("HTTPRoute"):
        if not route["spec"].get("hostnames"):
            yield Finding(where(route), "hostnames is missing")
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                service = manifests.find("Service", backend["name"])
                ports = {port["port"] for port in service["spec"]["ports"]} if service else set()
                if backend["port"] not in ports:
                    yield Finding(where(route), f"there is no Service {backend['name']}:{backend['port']}")


def hidden_paths_stay_hidden(manifests: Manifests) -> Iterator[Finding]:
    """Paths are prefixes that name one thing; none of them contains a hidden path or lies inside one."""
    for route in manifests.of_kind("HTTPRoute"):
        for _, path, _ in _matches(route):
            for hidden in HIDDEN_PATHS:
                if is_within(hidden, path) or is_within(path, hidden):
                    yield Finding(where(route), f"{path} would lead to {hidden}")


def _matches(route: Document) -> Iterator[tuple[str, str, str]]:
    """Kind of match, path and Service of each match of a route; a rule without a path matches everything."""
    for rule in route["spec"]["rules"]:
        for match in rule.get("matches", [{}]):
            path = match.get("path", {"type": "PathPrefix", "value": "/"})
            for backend in rule["backendRefs"]:
                yield path["type"], path["value"], backend["name"]


def destination(route: Document, path: str) -> str | None:
    """The Service a path leads to: the exact match, else the longest prefix; None where nobody answers."""
    best: tuple[int, str] | None = None
    for kind, value, service in _matches(route):
        if path == value if kind == "Exact" else is_within(path, value):
            best = max(best or (-1, ""), (len(value) + (kind == "Exact"), service))
    return best[1] if best else None


def is_within(path: str, prefix: str) -> bool:
    """Whether `prefix` covers `path` as Gateway API compares them: by whole segments."""
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")


def services_are_plain(manifests: Manifests) -> Iterator[Finding]:
    """The gateway is the only door: no load balancer or node port beside it."""
    for service in manifests.of_kind("Service"):
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield Finding(where(service), "must be of type ClusterIP")


def production_is_serious(manifests: Manifests) -> Iterator[Finding]:
    """Only for production: two of each, three that store, on disk before acknowledged, no secret in the repository."""
    for secret in manifests.of_kind("Secret"):
        yield Finding(where(secret), "a production overlay must not contain secrets")
    for deployment in manifests.of_kind("Deployment"):
        if deployment["spec"].get("replicas", 1) < REPLICAS_MIN:
            yield Finding(where(deployment), f"replicas must be {REPLICAS_MIN} or more")
    for container in manifests.containers():
        for sentence in _shortcuts(container, environment(manifests, container)):
            yield Finding(container.where, sentence)
    nats = manifests.find("StatefulSet", "nats")
    if nats is None or nats["spec"]["replicas"] < NATS_NODES:
        yield Finding("StatefulSet nats", f"replicas must be {NATS_NODES} or more")
    if not manifests.of_kind("Cluster"):
        yield Finding("Cluster postgres", "is missing: production needs a database with standbys")


def _shortcuts(container: Container, variables: Mapping[str, str | None]) -> Iterator[str]:
    if container.service:
        if variables.get("MILEPOST_ENVIRONMENT") != "production":
            yield "MILEPOST_ENVIRONMENT must be production"
        if not json.loads(variables.get("MILEPOST_TRUSTED_PROXIES") or "[]"):
            yield "MILEPOST_TRUSTED_PROXIES must name the networks of the gateway"
    if container.workload.name == "projects" and variables.get("MILEPOST_STREAM_REPLICAS") != str(NATS_NODES):
        yield f"MILEPOST_STREAM_REPLICAS must be {NATS_NODES}"
    if container.workload.name == "nats" and variables.get("MILEPOST_NATS_SYNC_INTERVAL") != "always":
        yield "MILEPOST_NATS_SYNC_INTERVAL must be always"


RULES = (routes_lead_somewhere, hidden_paths_stay_hidden, services_are_plain)
PRODUCTION_RULES = (production_is_serious,)

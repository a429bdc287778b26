"""Ways that are open and not meant, or meant and not open."""

from deploy.k8s.manifests import Document, Manifests
from deploy.k8s.rules import network
from tests.component.deploy.spoiling import Slip, found, without


def allow_everywhere(manifests: Manifests) -> None:
    """A policy that opens timeline's way to anybody."""
    found(manifests, "NetworkPolicy", "timeline")["spec"]["egress"].append({"ports": [{"port": 443}]})


def forget_one_end(manifests: Manifests) -> None:
    """NATS no longer admits anybody, though the services may still try."""
    found(manifests, "NetworkPolicy", "nats")["spec"]["ingress"] = []


def forget_metadata(manifests: Manifests) -> None:
    receivers(manifests)[0]["ipBlock"]["except"].remove("169.254.0.0/16")


def widen_ipv6(manifests: Manifests) -> None:
    receivers(manifests)[1]["ipBlock"]["cidr"] = "::/0"


def receivers(manifests: Manifests) -> list[Document]:
    """Whom webhooks may reach: one peer of IPv4, one of IPv6."""
    policy = found(manifests, "NetworkPolicy", "notifications")
    (peers,) = [rule["to"] for rule in policy["spec"]["egress"] if "ipBlock" in rule["to"][0]]
    return list(peers)


SLIPS = [
    Slip(
        "no default deny",
        network.nothing_is_allowed_by_default,
        without("NetworkPolicy", "default-deny"),
        "denied both directions",
    ),
    Slip(
        "a workload without a policy",
        network.every_workload_has_a_policy,
        without("NetworkPolicy", "migrate-timeline"),
        "has no NetworkPolicy of its own",
    ),
    Slip(
        "a way out for timeline",
        network.only_the_meant_edges_exist,
        allow_everywhere,
        "timeline → anywhere:443: is allowed and not meant",
    ),
    Slip(
        "one end that does not consent",
        network.only_the_meant_edges_exist,
        forget_one_end,
        "projects → nats:4222: is needed and not allowed by both ends",
    ),
    Slip(
        "webhooks into the metadata service",
        network.webhooks_stay_outside,
        forget_metadata,
        "0.0.0.0/0 must except 169.254.0.0/16",
    ),
    Slip(
        "webhooks to every address of IPv6",
        network.webhooks_stay_outside,
        widen_ipv6,
        "::/0 must except fc00::/7",
    ),
]

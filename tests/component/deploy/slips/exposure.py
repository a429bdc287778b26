"""Doors to the outside, and productions that are not serious."""

from deploy.k8s.manifests import Manifests
from deploy.k8s.rules import exposure
from tests.component.deploy.spoiling import (
    Slip,
    found,
    in_container,
    in_data,
    in_spec,
    no_variable,
    variable,
    without,
)


def expose_everything(manifests: Manifests) -> None:
    found(manifests, "HTTPRoute", "milepost")["spec"]["rules"][0]["matches"] = [
        {"path": {"type": "PathPrefix", "value": "/"}}
    ]


def expose_the_feed(manifests: Manifests) -> None:
    matches = found(manifests, "HTTPRoute", "milepost")["spec"]["rules"][0]["matches"]
    matches.append({"path": {"type": "PathPrefix", "value": "/internal/v1/log"}})


def add_secret(manifests: Manifests) -> None:
    manifests.documents.append(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "projects"}, "data": {}}
    )


SLIPS = [
    Slip(
        "a gateway to everything",
        exposure.hidden_paths_stay_hidden,
        expose_everything,
        "/ would lead to /internal",
    ),
    Slip(
        "a gateway to the feed",
        exposure.hidden_paths_stay_hidden,
        expose_the_feed,
        "/internal/v1/log would lead to /internal",
    ),
    Slip(
        "a route to nowhere",
        exposure.routes_lead_somewhere,
        without("Service", "notifications"),
        "there is no Service notifications:80",
    ),
    Slip(
        "a route for every host",
        exposure.routes_lead_somewhere,
        in_spec("HTTPRoute", "milepost", lambda spec: spec.pop("hostnames")),
        "hostnames is missing",
    ),
    Slip(
        "a second door",
        exposure.services_are_plain,
        in_spec("Service", "projects", lambda spec: spec.update(type="LoadBalancer")),
        "must be of type ClusterIP",
    ),
    Slip("a secret in production", exposure.production_is_serious, add_secret, "must not contain secrets"),
    Slip(
        "a single replica",
        exposure.production_is_serious,
        in_spec("Deployment", "timeline", lambda spec: spec.update(replicas=1)),
        "replicas must be 2",
    ),
    Slip(
        "not told that it is production",
        exposure.production_is_serious,
        in_data("milepost", lambda data: data.update(MILEPOST_ENVIRONMENT="development")),
        "must be production",
    ),
    Slip(
        "a gateway nobody believes",
        exposure.production_is_serious,
        in_data("milepost", lambda data: data.pop("MILEPOST_TRUSTED_PROXIES")),
        "MILEPOST_TRUSTED_PROXIES must name the networks of the gateway",
    ),
    Slip(
        "a list of no gateways",
        exposure.production_is_serious,
        in_data("milepost", lambda data: data.update(MILEPOST_TRUSTED_PROXIES="[]")),
        "MILEPOST_TRUSTED_PROXIES must name the networks of the gateway",
    ),
    Slip(
        "a broker that syncs later",
        exposure.production_is_serious,
        in_container("nats", variable("MILEPOST_NATS_SYNC_INTERVAL", "2m"), "StatefulSet"),
        "must be always",
    ),
    Slip(
        "a broker of one node",
        exposure.production_is_serious,
        in_spec("StatefulSet", "nats", lambda spec: spec.update(replicas=1)),
        "replicas must be 3",
    ),
    Slip(
        "a stream on one node",
        exposure.production_is_serious,
        in_container("projects", no_variable("MILEPOST_STREAM_REPLICAS")),
        "MILEPOST_STREAM_REPLICAS must be 3",
    ),
    Slip(
        "no database with standbys",
        exposure.production_is_serious,
        without("Cluster", "postgres"),
        "needs a database with standbys",
    ),
]

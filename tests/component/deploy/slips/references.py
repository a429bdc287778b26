"""Documents that speak of something that is not there."""

from deploy.k8s.manifests import Document
from deploy.k8s.rules import references
from tests.component.deploy.spoiling import Slip, in_container, in_pod, in_spec, without


def expand_too_early(container: Document) -> None:
    container["env"].sort(key=lambda each: each["name"] != "MILEPOST_NATS_ROUTES")


SLIPS = [
    Slip(
        "a selector that does not fit",
        references.workloads_select_their_own_pods,
        in_spec("Deployment", "projects", lambda spec: spec["selector"]["matchLabels"].update(color="blue")),
        "does not match",
    ),
    Slip(
        "no governing service",
        references.workloads_select_their_own_pods,
        without("Service", "nats-nodes"),
        "no Service nats-nodes",
    ),
    Slip(
        "a service without pods",
        references.services_reach_pods,
        in_spec(
            "Service", "timeline", lambda spec: spec["selector"].update({"app.kubernetes.io/name": "timelin"})
        ),
        "selects nothing",
    ),
    Slip(
        "a service that also reaches migrations",
        references.services_reach_pods,
        in_spec("Service", "timeline", lambda spec: spec["selector"].pop("app.kubernetes.io/component")),
        "must select the pods of one workload, selects ",
    ),
    Slip(
        "a port nobody opened",
        references.services_reach_pods,
        in_spec("Service", "timeline", lambda spec: spec["ports"][0].update(targetPort="web")),
        "has no port web",
    ),
    Slip(
        "a budget for nobody",
        references.selectors_select,
        in_spec(
            "PodDisruptionBudget",
            "nats",
            lambda spec: spec["selector"]["matchLabels"].update({"app.kubernetes.io/name": "nat"}),
        ),
        "selects no pods",
    ),
    Slip(
        "a peer nobody is",
        references.selectors_select,
        in_spec(
            "NetworkPolicy",
            "timeline",
            lambda spec: spec["egress"][0]["to"][0]["podSelector"]["matchLabels"].update(
                {"milepost.dev/role": "databse"}
            ),
        ),
        "is no pod",
    ),
    Slip(
        "a monitor for nobody",
        references.selectors_select,
        in_spec(
            "ServiceMonitor", "milepost", lambda spec: spec["selector"]["matchLabels"].update(color="blue")
        ),
        "selects no Service",
    ),
    Slip(
        "a monitor of no port",
        references.selectors_select,
        in_spec("ServiceMonitor", "milepost", lambda spec: spec["endpoints"][0].update(port="metric")),
        "has no port metric",
    ),
    Slip(
        "a key nobody provides",
        references.names_resolve,
        in_container(
            "projects",
            lambda each: each["env"].append(
                {"name": "X", "valueFrom": {"secretKeyRef": {"name": "projects", "key": "dsn"}}}
            ),
        ),
        "Secret projects has no key dsn",
    ),
    Slip(
        "a ConfigMap nobody provides",
        references.names_resolve,
        in_pod("projects", lambda pod: pod["volumes"][0].update(configMap={"name": "jwk"})),
        "no ConfigMap jwk",
    ),
    Slip(
        "a mount without a volume",
        references.mounts_have_volumes,
        in_pod("projects", lambda pod: pod["volumes"].pop()),
        "there is no volume",
    ),
    Slip(
        "a variable used before it is there",
        references.expansions_are_defined_before,
        in_container("nats", expand_too_early, "StatefulSet"),
        "which is not defined before",
    ),
]

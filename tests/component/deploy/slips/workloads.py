"""Pods that are less confined, measured, probed or patient than they must be."""

from deploy.k8s.rules import workloads
from tests.component.deploy.spoiling import Slip, in_container, in_pod, in_spec, without

SLIPS = [
    Slip(
        "no security context",
        workloads.containers_are_confined,
        in_container("projects", lambda each: each.pop("securityContext")),
        "readOnlyRootFilesystem must be True",
    ),
    Slip(
        "an added capability",
        workloads.containers_are_confined,
        in_container(
            "nats",
            lambda each: each["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
            "StatefulSet",
        ),
        "capabilities must be",
    ),
    Slip(
        "a privileged container",
        workloads.containers_are_confined,
        in_container("migrate-projects", lambda each: each["securityContext"].update(privileged=True), "Job"),
        "privileged must not be set",
    ),
    Slip(
        "root",
        workloads.pods_are_confined,
        in_pod("timeline", lambda pod: pod["securityContext"].update(runAsUser=0)),
        "runAsUser must be a number above 0",
    ),
    Slip(
        "no seccomp profile",
        workloads.pods_are_confined,
        in_pod("timeline", lambda pod: pod["securityContext"].pop("seccompProfile")),
        "seccompProfile",
    ),
    Slip(
        "perhaps root",
        workloads.pods_are_confined,
        in_pod("timeline", lambda pod: pod["securityContext"].pop("runAsNonRoot")),
        "runAsNonRoot",
    ),
    Slip(
        "the node's network",
        workloads.pods_are_confined,
        in_pod("timeline", lambda pod: pod.update(hostNetwork=True)),
        "hostNetwork",
    ),
    Slip(
        "the node's files",
        workloads.pods_are_confined,
        in_pod("timeline", lambda pod: pod["volumes"].append({"name": "node", "hostPath": {"path": "/"}})),
        "hostPath",
    ),
    Slip(
        "a token in the pod",
        workloads.pods_know_nothing_of_kubernetes,
        in_pod("projects", lambda pod: pod.pop("automountServiceAccountToken")),
        "automountServiceAccountToken",
    ),
    Slip(
        "service links",
        workloads.pods_know_nothing_of_kubernetes,
        in_pod("projects", lambda pod: pod.pop("enableServiceLinks")),
        "enableServiceLinks",
    ),
    Slip(
        "an account nobody made",
        workloads.pods_know_nothing_of_kubernetes,
        without("ServiceAccount", "timeline"),
        "no ServiceAccount timeline",
    ),
    Slip(
        "no memory limit",
        workloads.containers_state_their_needs,
        in_container("projects", lambda each: each["resources"].pop("limits")),
        "resources.limits.memory is missing",
    ),
    Slip(
        "no requests",
        workloads.containers_state_their_needs,
        in_container("nats", lambda each: each["resources"].pop("requests"), "StatefulSet"),
        "resources.requests.cpu is missing",
    ),
    Slip(
        "the latest image",
        workloads.images_are_pinned,
        in_container("projects", lambda each: each.update(image="milepost/projects:latest")),
        "milepost/projects:latest",
    ),
    Slip(
        "an image without a tag",
        workloads.images_are_pinned,
        in_container("nats", lambda each: each.update(image="registry:5000/nats"), "StatefulSet"),
        "registry:5000/nats",
    ),
    Slip(
        "a broken digest",
        workloads.images_are_pinned,
        in_container("projects", lambda each: each.update(image="milepost/projects:1@sha256:12")),
        "sha256:12",
    ),
    Slip(
        "no liveness probe",
        workloads.long_running_containers_are_probed,
        in_container("projects", lambda each: each.pop("livenessProbe")),
        "livenessProbe is missing",
    ),
    Slip(
        "a broker without probes",
        workloads.long_running_containers_are_probed,
        in_container("nats", lambda each: each.pop("startupProbe"), "StatefulSet"),
        "startupProbe is missing",
    ),
    Slip(
        "a liveness that asks the database",
        workloads.long_running_containers_are_probed,
        in_container("projects", lambda each: each["livenessProbe"]["httpGet"].update(path="/readyz")),
        "must ask /livez",
    ),
    Slip(
        "too little time to end",
        workloads.services_end_gently,
        in_pod("projects", lambda pod: pod.update(terminationGracePeriodSeconds=10)),
        "terminationGracePeriodSeconds",
    ),
    Slip(
        "a pause before the signal",
        workloads.services_end_gently,
        in_container("projects", lambda each: each.update(lifecycle={"preStop": {}})),
        "lifecycle",
    ),
    Slip(
        "a roll with one pod too few",
        workloads.services_end_gently,
        in_spec("Deployment", "projects", lambda spec: spec["strategy"].pop("rollingUpdate")),
        "maxUnavailable",
    ),
    Slip(
        "no budget",
        workloads.deployments_survive_a_node,
        without("PodDisruptionBudget", "timeline"),
        "no PodDisruptionBudget",
    ),
    Slip(
        "all on one node",
        workloads.deployments_survive_a_node,
        in_pod("timeline", lambda pod: pod.pop("topologySpreadConstraints")),
        "kubernetes.io/hostname",
    ),
    Slip(
        "a migration without end",
        workloads.jobs_end,
        in_spec("Job", "migrate-projects", lambda spec: spec.pop("activeDeadlineSeconds")),
        "activeDeadlineSeconds is missing",
    ),
    Slip(
        "a rebuild that is never swept away",
        workloads.jobs_end,
        in_spec(
            "CronJob",
            "rebuild-timeline",
            lambda spec: spec["jobTemplate"]["spec"].pop("ttlSecondsAfterFinished"),
        ),
        "CronJob rebuild-timeline: ttlSecondsAfterFinished is missing",
    ),
]

"""How a pod of Milepost has to be: confined, measured, probed, pinned, and patient when it ends."""

import re
from collections.abc import Iterator
from typing import Any

from deploy.k8s.manifests import Finding, Manifests, Workload, selects, where

GRACE_SECONDS_MIN = 30
USER_MIN = 1
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
PATH_OF_PROBE = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


def containers_are_confined(manifests: Manifests) -> Iterator[Finding]:
    """No root, no way to become root, no writing outside volumes, no capability, no debugging of the kernel."""
    for container in manifests.containers():
        context = container.document.get("securityContext", {})
        wanted: dict[str, Any] = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for field, value in wanted.items():
            if context.get(field) != value:
                yield Finding(container.where, f"securityContext.{field} must be {value}")
        if context.get("privileged"):
            yield Finding(container.where, "securityContext.privileged must not be set")


def pods_are_confined(manifests: Manifests) -> Iterator[Finding]:
    """A user by number who is not root, the default seccomp profile, and nothing of the node."""
    for workload in manifests.workloads():
        pod, context = workload.pod, workload.pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True:
            yield Finding(workload.where, "securityContext.runAsNonRoot must be True")
        if context.get("runAsUser", 0) < USER_MIN:
            yield Finding(workload.where, "securityContext.runAsUser must be a number above 0")
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield Finding(workload.where, "securityContext.seccompProfile must be RuntimeDefault")
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(field):
                yield Finding(workload.where, f"{field} must not be set")
        for volume in pod.get("volumes", []):
            if "hostPath" in volume:
                yield Finding(workload.where, f"the volume {volume['name']} must not be a hostPath")


def pods_know_nothing_of_kubernetes(manifests: Manifests) -> Iterator[Finding]:
    """No token, an account of its own, and no variables named after services."""
    for workload in manifests.workloads():
        for field in ("automountServiceAccountToken", "enableServiceLinks"):
            if workload.pod.get(field) is not False:
                yield Finding(workload.where, f"{field} must be False")
        account = workload.pod.get("serviceAccountName", "default")
        if manifests.find("ServiceAccount", account) is None:
            yield Finding(workload.where, f"there is no ServiceAccount {account}")


def containers_state_their_needs(manifests: Manifests) -> Iterator[Finding]:
    """Requests for the scheduler; a limit for memory. CPU has none: it can be shared, a limit only throttles."""
    for container in manifests.containers():
        resources = container.document.get("resources", {})
        for kind, field in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if field not in resources.get(kind, {}):
                yield Finding(container.where, f"resources.{kind}.{field} is missing")


def images_are_pinned(manifests: Manifests) -> Iterator[Finding]:
    """By a digest or by a tag that says a version."""
    for container in manifests.containers():
        name, at, digest = container.image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if at and re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            continue
        if at or not re.match(r"v?\d", tag):
            yield Finding(container.where, f"the image {container.image} must have a version or a digest")


def long_running_containers_are_probed(manifests: Manifests) -> Iterator[Finding]:
    """All three probes. A service's liveness must not depend on anything but itself."""
    for container in manifests.containers():
        if not container.workload.is_long_running:
            continue
        for probe in PROBES:
            found = container.document.get(probe)
            if found is None:
                yield Finding(container.where, f"{probe} is missing")
            elif container.service and found.get("httpGet", {}).get("path") != PATH_OF_PROBE[probe]:
                yield Finding(container.where, f"{probe} must ask {PATH_OF_PROBE[probe]}")


def services_end_gently(manifests: Manifests) -> Iterator[Finding]:
    """Time to finish, no pause before the signal (the program waits itself), never one pod too few."""
    for workload in manifests.workloads():
        if not workload.is_long_running:
            continue
        if workload.pod.get("terminationGracePeriodSeconds", 0) < GRACE_SECONDS_MIN:
            yield Finding(
                workload.where, f"terminationGracePeriodSeconds must be {GRACE_SECONDS_MIN} or more"
            )
        if any("lifecycle" in container.document for container in workload.containers):
            yield Finding(workload.where, "lifecycle hooks must not be set: the program ends by itself")
        if workload.kind == "Deployment" and not _rolls_without_loss(workload):
            yield Finding(workload.where, "strategy.rollingUpdate.maxUnavailable must be 0")


def _rolls_without_loss(workload: Workload) -> bool:
    rolling = workload.document["spec"].get("strategy", {}).get("rollingUpdate", {})
    return bool(rolling.get("maxUnavailable") == 0)


def deployments_survive_a_node(manifests: Manifests) -> Iterator[Finding]:
    """Pods spread over nodes, and a budget that keeps a drain from taking them all."""
    for workload in manifests.workloads():
        if workload.kind != "Deployment":
            continue
        topologies = [spread["topologyKey"] for spread in workload.pod.get("topologySpreadConstraints", [])]
        if "kubernetes.io/hostname" not in topologies:
            yield Finding(workload.where, "topologySpreadConstraints must name kubernetes.io/hostname")
        budgets = manifests.of_kind("PodDisruptionBudget")
        if not any(selects(budget["spec"]["selector"], workload.pod_labels) for budget in budgets):
            yield Finding(workload.where, "no PodDisruptionBudget selects its pods")


def jobs_end(manifests: Manifests) -> Iterator[Finding]:
    """A migration that cannot succeed gives up, and is swept away some day."""
    for job in manifests.of_kind("Job", "CronJob"):
        spec = job["spec"]["jobTemplate"]["spec"] if job["kind"] == "CronJob" else job["spec"]
        for field in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
            if field not in spec:
                yield Finding(where(job), f"{field} is missing")


RULES = (
    containers_are_confined,
    pods_are_confined,
    pods_know_nothing_of_kubernetes,
    containers_state_their_needs,
    images_are_pinned,
    long_running_containers_are_probed,
    services_end_gently,
    deployments_survive_a_node,
    jobs_end,
)

"""Three nodes, started with the configuration of production, form a cluster that survives losing one."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nats.errors
import pytest

from deploy.local.nats import (
    CONFIGURATION,
    START_SECONDS_MAX,
    USERS,
    configuration,
    greets,
)
from deploy.local.ports import LOOPBACK, any_free_port
from deploy.local.processes import ChildProcess
from services.projects.admission.keys import AccountKey
from tests.component.nats.visiting import Visitor, visit
from tests.support.empty_stream import STREAM_CONFIGURATION
from tests.support.eventually import eventually
from tests.support.servers import temporary_run

CLUSTER_CONFIGURATION = CONFIGURATION.parents[2] / "components/nats-cluster/cluster.conf"
NODES = 3


@dataclass(frozen=True)
class Node:
    """One of the three, in a process of its own."""

    port: int
    process: ChildProcess

    def url(self, user: str) -> str:
        return f"nats://{user}:secret@{LOOPBACK}:{self.port}"


@pytest.fixture
def cluster() -> Iterator[list[Node]]:
    """Three nodes side by side, as the ConfigMap puts the two files."""
    with temporary_run() as directory:
        for file in (CONFIGURATION, CLUSTER_CONFIGURATION):
            shutil.copy(file, directory)
        nodes = list(started(directory))
        for node in nodes:
            node.process.wait_until(partial(greets, node.port), START_SECONDS_MAX, "look at the node's log")
        yield nodes
        for node in nodes:
            node.process.stop()


def started(directory: Path) -> Iterator[Node]:
    issuer = AccountKey.new().public
    route_ports = [any_free_port() for _ in range(NODES)]
    routes = ", ".join(f'"nats://route:secret@{LOOPBACK}:{port}"' for port in route_ports)
    for number, route_port in enumerate(route_ports):
        port = any_free_port()
        environment = configuration(
            dict.fromkeys(USERS, "secret"),
            issuer,
            host=LOOPBACK,
            port=port,
            store=directory / f"store-{number}",
            sync_interval="always",
        ) | {
            "MILEPOST_NATS_SERVER_NAME": f"nats-{number}",
            "MILEPOST_NATS_CLUSTER_HOST": LOOPBACK,
            "MILEPOST_NATS_CLUSTER_PORT": str(route_port),
            "MILEPOST_NATS_ROUTE_PASSWORD": "secret",
            "MILEPOST_NATS_ROUTES": f"[{routes}]",
        }
        program = str(Path(sys.executable).parent / "nats-server")
        process = ChildProcess(
            name=f"node {number}",
            command=[program, "--config", str(directory / "cluster.conf")],
            log=directory / f"node-{number}.log",
            environment=environment,
        )
        process.start()
        yield Node(port, process)


async def create_stream(node: Node) -> None:
    """Raises AssertionError while the nodes have not found one another."""
    visitor = await visit(node.url("keeper"), "keeper")
    try:
        created = await visitor.ask("STREAM.CREATE.PROJECTS", STREAM_CONFIGURATION | {"num_replicas": NODES})
    except nats.errors.Error as error:
        raise AssertionError("the cluster does not answer yet") from error
    finally:
        await visitor.client.close()
    assert "error" not in created
    assert len(created["cluster"]["replicas"]) == NODES - 1


async def publish(relay: Visitor) -> None:
    """Raises AssertionError while the stream has no leader."""
    try:
        await relay.client.jetstream().publish("milepost.org.project.milestone.planned", b"{}", timeout=2)
    except nats.errors.Error as error:
        raise AssertionError("nobody stored the event") from error


async def test_the_stream_survives_the_loss_of_a_node(cluster: list[Node]) -> None:
    first, second, third = cluster
    await eventually(lambda: create_stream(first), seconds=60)
    relay = await visit(third.url("relay"), "relay")
    await eventually(lambda: publish(relay), seconds=60)
    second.process.kill()
    await eventually(lambda: publish(relay), seconds=60)
    state = (await relay.ask("STREAM.INFO.PROJECTS"))["state"]
    await relay.client.close()
    assert state["messages"] >= 2

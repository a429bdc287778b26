"""Three nodes, started with the configuration of production, form a cluster that survives losing one."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nats.errors
import pytest

from deploy.local.nats import CONFIGURATION, USERS, EmbeddedNats, configuration
from deploy.local.ports import LOOPBACK, any_free_port
from deploy.local.processes import ChildProcess
from tests.component.nats.conftest import STREAM, Visitor, visit
from tests.support.eventually import eventually
from tests.support.servers import temporary_run

CLUSTER_CONFIGURATION = CONFIGURATION.parents[2] / "components/nats-cluster/cluster.conf"
NODES = 3


@pytest.fixture
def cluster() -> Iterator[list[tuple[EmbeddedNats, ChildProcess]]]:
    """Three nodes side by side, as the ConfigMap puts the two files."""
    with temporary_run() as directory:
        for file in (CONFIGURATION, CLUSTER_CONFIGURATION):
            shutil.copy(file, directory)
        nodes = list(started(directory))
        yield nodes
        for _, process in nodes:
            process.stop()


def started(directory: Path) -> Iterator[tuple[EmbeddedNats, ChildProcess]]:
    route_ports = [any_free_port() for _ in range(NODES)]
    routes = ", ".join(f'"nats://route:secret@{LOOPBACK}:{port}"' for port in route_ports)
    for number, route_port in enumerate(route_ports):
        passwords = dict.fromkeys(USERS, "secret")
        node = EmbeddedNats(directory / f"node-{number}", any_free_port(), passwords=passwords)
        node.directory.mkdir()
        environment = configuration(
            passwords, host=LOOPBACK, port=node.port, store=node.store, sync_interval="always"
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
            log=node.log,
            environment=environment,
        )
        process.start()
        yield node, process


async def create_stream(node: EmbeddedNats) -> None:
    """Raises AssertionError while the nodes have not found one another."""
    visitor = await visit(node, "keeper")
    try:
        created = await visitor.ask("STREAM.CREATE.PROJECTS", STREAM | {"num_replicas": NODES})
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


async def test_the_stream_survives_the_loss_of_a_node(
    cluster: list[tuple[EmbeddedNats, ChildProcess]],
) -> None:
    (first, _), (_, second_process), (third, _) = cluster
    await eventually(lambda: create_stream(first), seconds=30)
    relay = await visit(third, "relay")
    await eventually(lambda: publish(relay), seconds=30)
    second_process.kill()
    await eventually(lambda: publish(relay), seconds=30)
    state = (await relay.ask("STREAM.INFO.PROJECTS"))["state"]
    await relay.client.close()
    assert state["messages"] >= 2

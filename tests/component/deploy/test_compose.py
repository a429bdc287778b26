"""compose.yaml says what the services read, and starts the broker with the configuration of all places."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.k8s.rules.variables import variables_of
from deploy.local.nats import CONFIGURATION
from services.notifications.channels.webhooks.signing import read_keys

COMPOSE = Path(__file__).parents[3] / "deploy/compose.yaml"
SERVICES = ("projects", "timeline", "notifications")


@pytest.fixture(scope="module")
def containers() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("run", ["serve", "migrate"])
def test_a_program_is_told_what_it_reads_and_nothing_else(
    containers: dict[str, Any], service: str, run: str
) -> None:
    container = containers[service if run == "serve" else f"migrate-{service}"]
    known, needed = variables_of(service, run)
    given = set(container["environment"])
    assert given - known - {"MILEPOST_ADMIN_DATABASE_URL"} == set()
    assert needed - given == set()
    assert ("MILEPOST_ADMIN_DATABASE_URL" in given) == (run == "migrate")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_behind_its_migration_and_the_broker(
    containers: dict[str, Any], service: str
) -> None:
    assert containers[service]["depends_on"] == {
        f"migrate-{service}": {"condition": "service_completed_successfully"},
        "nats": {"condition": "service_healthy"},
    }
    assert containers[f"migrate-{service}"]["image"] == containers[service]["image"]
    assert containers[service]["build"]["args"] == {"SERVICE": service}


def test_every_container_is_confined(containers: dict[str, Any]) -> None:
    ours = {name: each for name, each in containers.items() if "build" in each}
    assert len(ours) == 2 * len(SERVICES)
    for container in ours.values():
        assert (container["read_only"], container["cap_drop"]) == (True, ["ALL"])


def test_the_broker_gets_every_variable_of_the_one_configuration(containers: dict[str, Any]) -> None:
    mounted = containers["nats"]["volumes"][0].partition(":")[0]
    assert (COMPOSE.parent / mounted).resolve() == CONFIGURATION
    lines = (line.partition("#")[0] for line in CONFIGURATION.read_text().splitlines())
    read = {name for line in lines for name in re.findall(r"\$(MILEPOST_\w+)", line)}
    assert set(containers["nats"]["environment"]) == read


def test_every_image_has_a_version_and_every_port_is_local(containers: dict[str, Any]) -> None:
    for container in containers.values():
        assert re.search(r":\d", container["image"])
        assert all(port.startswith("127.0.0.1:") for port in container.get("ports", []))


def test_the_key_of_the_webhook_secrets_is_one(containers: dict[str, Any]) -> None:
    assert read_keys(containers["notifications"]["environment"]["MILEPOST_SECRETS_KEY"])

"""docs/operating.md speaks of metrics, alarms, secrets and commands that exist, and leaves none of them out."""

import re
from pathlib import Path

import pytest
import typer
import yaml
from prometheus_client import REGISTRY

from deploy.k8s.manifests import Manifests
from deploy.k8s.rules.references import PROVIDED_CONFIG_MAPS, PROVIDED_SECRETS
from deploy.k8s.rules.variables import environment, variables_of
from services.notifications.__main__ import cli as notifications
from services.projects.__main__ import cli as projects
from services.timeline.__main__ import cli as timeline

REPOSITORY = Path(__file__).parents[3]
HANDBOOK = (REPOSITORY / "docs/operating.md").read_text()
ALARMS = (REPOSITORY / "deploy/k8s/components/service-monitor/alarms.yaml").read_text()
COMMANDS = {"projects": projects, "timeline": timeline, "notifications": notifications}


def metrics_in(text: str) -> set[str]:
    """The metrics a text names, without the endings that Prometheus gives to parts of a histogram."""
    names = set(re.findall(r"\bmilepost_[a-z_]+", text))
    return {re.sub(r"_(count|sum|bucket)$", "", name) for name in names}


def exposed_metrics() -> set[str]:
    families = [family for family in REGISTRY.collect() if family.name.startswith("milepost_")]
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


def test_every_metric_of_the_services_is_explained() -> None:
    databases_and_roles = {f"milepost_{name}" for name in (*COMMANDS, "administrator")}
    assert metrics_in(HANDBOOK) - databases_and_roles == exposed_metrics()


def test_alarms_watch_metrics_that_exist() -> None:
    watched = metrics_in(ALARMS)
    assert watched
    assert watched - exposed_metrics() == set()


def test_every_alarm_says_what_to_do() -> None:
    (group,) = yaml.safe_load(ALARMS)["spec"]["groups"]
    assert re.findall(r"^\| `(Milepost\w+)` \|", HANDBOOK, flags=re.MULTILINE) == [
        rule["alert"] for rule in group["rules"]
    ]


def test_every_secret_the_manifests_want_is_listed() -> None:
    table = HANDBOOK[HANDBOOK.index("### Secrets and keys") : HANDBOOK.index("- You choose")]
    for name, keys in {**PROVIDED_SECRETS, **PROVIDED_CONFIG_MAPS}.items():
        assert re.search(rf"\| (Secret|ConfigMap) `{name}` \|", table), name
        assert all(f"`{key}`" in table for key in keys), name


def commands_of(service: str) -> set[str]:
    """The commands of a service's program, those of its groups as `group command`."""
    program = typer.main.get_command(COMMANDS[service])
    names: set[str] = set()
    for name, command in getattr(program, "commands", {}).items():
        names |= {name} | {f"{name} {inner}" for inner in getattr(command, "commands", {})}
    return names


@pytest.mark.parametrize("service", COMMANDS)
def test_the_commands_it_names_exist(service: str) -> None:
    named = re.findall(rf"deployment/{service} .*start\.py ([a-z]+(?: [a-z]+)?)", HANDBOOK)
    named += re.findall(rf"python -m services\.(?:{service}|<name>) ([a-z-]+)", HANDBOOK)
    assert "migrate" in named
    assert set(named) - commands_of(service) == set()


def test_the_make_targets_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9-]+)", HANDBOOK)) - targets == set()


def test_every_setting_is_explained() -> None:
    explained = set(re.findall(r"`(MILEPOST_[A-Z_]+)`", HANDBOOK[HANDBOOK.index("## Settings") :]))
    own = ("serve", "migrate", "rebuild", "organization", "verify")
    runs = [(service, run) for service in COMMANDS for run in own]
    read = {name for service, run in runs for name in variables_of(service, run)[0]}
    assert explained == read


def test_what_the_manifests_set_is_marked(production: Manifests) -> None:
    marked = set(re.findall(r"`(MILEPOST_[A-Z_]+)` •", HANDBOOK))
    ours = [container for container in production.containers() if container.service]
    given = {name for container in ours for name in environment(production, container)}
    assert marked == given

"""Every variable a program is given is one it reads, every one it needs is given, and no secret lies open."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module

from deploy.k8s.manifests import Container, Finding, Manifests, where
from libs.chassis.settings import ServiceSettings

PREFIX = "MILEPOST_"
# Read by libraries, not by our settings.
FOREIGN_PREFIXES = ("OTEL_",)
# What one run of the program reads and its settings class cannot demand, because the other runs do without.
NEEDED_TO = {"migrate": {"MILEPOST_ADMIN_DATABASE_URL"}}
SETTINGS_OF_RUN = {
    "migrate": ("MigrationSettings",),
    "rebuild": ("RebuildSettings",),
    "organization": ("MovingSettings",),
    "verify": ("VerifyingSettings",),
}
SECRET_NAME = re.compile(r"password|secret|token|private|credential", re.IGNORECASE)
SECRET_VALUE = re.compile(r"://[^/\s:@]*:(?!\$\()[^/\s@]+@|-----BEGIN|password\s*[:=]\s*(?!\$)\S")


def variables_are_settings(manifests: Manifests) -> Iterator[Finding]:
    """A misspelt variable would be ignored in silence: the settings classes say which exist and which are needed."""
    for container in manifests.containers():
        if container.service is None:
            continue
        given = set(environment(manifests, container))
        run = next(iter(container.document.get("args", [])), "serve")
        try:
            known, needed = variables_of(container.service, run)
        except LookupError as error:
            yield Finding(container.where, str(error))
            continue
        # A secret may be in a file instead, which a variable of its own names.
        in_files = {name for name in given if name.removesuffix("_FILE") in known - {name}}
        for name in sorted(given - known - in_files):
            if not name.startswith(FOREIGN_PREFIXES):
                yield Finding(container.where, f"{name} is no setting of {container.service}")
        given |= {name.removesuffix("_FILE") for name in in_files}
        for name in sorted((needed | NEEDED_TO.get(run, set())) - given):
            yield Finding(container.where, f"{name} is missing")


def variables_of(service: str, run: str) -> tuple[set[str], set[str]]:
    """The variables a run of a service reads, and those without which it does not start."""
    settings = settings_of(service, run)
    prefix = settings.model_config.get("env_prefix", "")
    names = {f"{prefix}{name}".upper(): field for name, field in settings.model_fields.items()}
    return set(names), {name for name, field in names.items() if field.is_required()}


def settings_of(service: str, run: str) -> type[ServiceSettings]:
    """`Settings`, or `<Service>Settings`, or those of the run where it has settings of its own.

    Raises `LookupError` unless the settings module of the service has one of them.
    """
    name = f"services.{service}.settings"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        raise LookupError(f"there is no {name}: {error}") from error
    candidates = [*SETTINGS_OF_RUN.get(run, ()), "Settings", f"{service.capitalize()}Settings"]
    for candidate in candidates:
        found = getattr(module, candidate, None)
        if isinstance(found, type) and issubclass(found, ServiceSettings):
            return found
    raise LookupError(f"{name} has none of {', '.join(candidates)}")


def environment(manifests: Manifests, container: Container) -> dict[str, str | None]:
    """The variables of a container with their values; None where the value comes from a Secret or the cluster."""
    variables: dict[str, str | None] = {}
    for source in container.document.get("envFrom", []):
        reference = source.get("configMapRef")
        found = manifests.find("ConfigMap", reference["name"]) if reference else None
        variables |= found["data"] if found else {}
    return variables | {variable["name"]: variable.get("value") for variable in container.environment}


def nats_finds_its_variables(manifests: Manifests) -> Iterator[Finding]:
    """nats.conf refuses to be read when a variable is missing; one it does not name is a slip of the pen."""
    for container in manifests.containers():
        if container.workload.name != "nats":
            continue
        read: set[str] = set()
        for text in _configuration_files(manifests, container).values():
            lines = (line.partition("#")[0] for line in text.splitlines())
            read |= {name for line in lines for name in re.findall(rf"\$({PREFIX}\w+)", line)}
        given = set(environment(manifests, container))
        if not _is_clustered(container):
            read = {name for name in read if "CLUSTER" not in name and "ROUTE" not in name}
        expanded = {
            name
            for variable in container.environment
            for name in re.findall(r"\$\((\w+)\)", variable.get("value", ""))
        }
        for name in sorted(read - given):
            yield Finding(container.where, f"nats.conf reads {name}, which is missing")
        for name in sorted(given - read - expanded):
            yield Finding(container.where, f"nats.conf does not read {name}")


def _is_clustered(container: Container) -> bool:
    return any(str(argument).endswith("cluster.conf") for argument in container.document.get("args", []))


def _configuration_files(manifests: Manifests, container: Container) -> Mapping[str, str]:
    files: dict[str, str] = {}
    for volume in container.workload.pod.get("volumes", []):
        found = manifests.find("ConfigMap", volume.get("configMap", {}).get("name", ""))
        files |= found["data"] if found else {}
    return files


def secrets_stay_secret(manifests: Manifests) -> Iterator[Finding]:
    """Nothing that opens a door stands in a ConfigMap or as a plain value of a variable."""
    for config_map in manifests.of_kind("ConfigMap"):
        for key, value in config_map.get("data", {}).items():
            if SECRET_NAME.search(key) or any(_is_secret(line) for line in value.splitlines()):
                yield Finding(where(config_map), f"{key} looks like a secret")
    for container in manifests.containers():
        for variable in container.environment:
            value, name = variable.get("value"), variable["name"]
            is_place = name.endswith("_FILE") and str(value).startswith("/")
            if value is not None and ((SECRET_NAME.search(name) and not is_place) or _is_secret(value)):
                yield Finding(container.where, f"{variable['name']} must come from a Secret")


def _is_secret(line: str) -> bool:
    return SECRET_VALUE.search(line.partition("# ")[0] if line.lstrip().startswith("#") else line) is not None


RULES = (variables_are_settings, nats_finds_its_variables, secrets_stay_secret)

"""What a running stack has to offer: said on the terminal, and written down for the shell."""

import os
from pathlib import Path
from shlex import quote

from deploy.local.credentials import ACTOR, ORG_ID, write_privately
from deploy.local.programs import SERVICES
from deploy.local.whereabouts import Whereabouts

ENVIRONMENT_FILE = "environment"
TOKEN_FILE = "token"  # noqa: S105 -- the file's name


def shell_environment(run: Whereabouts, token: str) -> dict[str, str]:
    """Everything the demonstration, the command line and the tests need to reach this run."""
    return {
        **{f"MILEPOST_{service.upper()}_URL": run.url(service) for service in SERVICES},
        **{f"MILEPOST_{service.upper()}_DSN": run.dsn(f"{service}_service") for service in SERVICES},
        "MILEPOST_ADMIN_DSN": run.admin_dsn,
        "MILEPOST_TOKEN": token,
        "MILEPOST_ORG_ID": str(ORG_ID),
        "MILEPOST_ACTOR": str(ACTOR),
    }


def write_down(run: Whereabouts) -> str:
    """Write `token` and the sourceable `environment` into the run directory; returns the owner's token."""
    token = run.token()
    write_privately(run.directory / TOKEN_FILE, token + "\n")
    lines = [f"export {name}={quote(value)}\n" for name, value in shell_environment(run, token).items()]
    write_privately(run.directory / ENVIRONMENT_FILE, "".join(lines))
    return token


def addresses(run: Whereabouts) -> list[str]:
    """One line for every URL."""
    return [
        f"  {service:<14} {run.url(service)}   {run.url(service)}/docs   {run.metrics_url(service)}"
        for service in SERVICES
    ]


def banner(run: Whereabouts, token: str) -> list[str]:
    """The lines shown once everything is ready; the curl line works as it stands, in the repository's folder."""
    directory = relative(run.directory)
    return [
        "",
        "Milepost is running.",
        *addresses(run),
        "",
        f"  A token of the organization's owner, also in {directory}/token:",
        f"  {token}",
        "",
        "  Propose a project:",
        f"  {curl_line(run)}",
        "",
        f"  Addresses and token for a shell: . {directory}/environment    Logs: {directory}/logs/    Stop: Ctrl-C",
        "",
    ]


def curl_line(run: Whereabouts) -> str:
    """Proposes a project, with a key that makes sending it twice harmless."""
    body = '{"name": "Moving to the new data center", "summary": "All services, by the end of the lease."}'
    return (
        f"curl -sS {run.url('projects')}/v1/projects"
        f' -H "Authorization: Bearer $(cat {relative(run.directory)}/token)"'
        f" -H 'Content-Type: application/json' -H 'Idempotency-Key: first-project' -d '{body}'"
    )


def relative(directory: Path) -> Path:
    """The directory as it is typed from here."""
    return Path(os.path.relpath(directory))

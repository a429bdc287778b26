"""The three services as processes: what each is told by its environment, and whether it is ready."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import LOOPBACK

SERVICES = ("projects", "timeline", "notifications")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Servers:
    """Where PostgreSQL and NATS are, and who may log in. Without `nats_issuer_seed` NATS admits no integration."""

    admin_dsn: str
    dsns: Mapping[str, str]
    nats_urls: Mapping[str, str]
    nats_issuer_seed: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """Public keys of the issuer and the tokens with which services call each other."""

    jwks_file: Path
    webhook_key: str
    service_tokens: Mapping[str, str]


def command(service: str, *arguments: str) -> list[str]:
    """How a service's program is started, with this environment's Python."""
    return [sys.executable, "-m", f"services.{service}", *arguments]


def settings(
    service: str, ports: Mapping[str, int], servers: Servers, trust: Trust, *, administrator: bool = False
) -> dict[str, str]:
    """Every MILEPOST_ variable a service needs here. Only an administrator's command learns the administrator's DSN."""
    values = {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "MILEPOST_ENVIRONMENT": "development",
        "MILEPOST_HOST": LOOPBACK,
        "MILEPOST_PORT": str(ports[service]),
        "MILEPOST_METRICS_PORT": str(ports[f"{service} metrics"]),
        "MILEPOST_DATABASE_URL": servers.dsns[f"{service}_service"],
        "MILEPOST_NATS_URL": servers.nats_urls["relay" if service == "projects" else service],
        "MILEPOST_JWKS_FILE": str(trust.jwks_file),
        # Tests and newcomers act in many roles without founding an organization first; production refuses this.
        "MILEPOST_GRANTS_IN_TOKENS": "true",
        "MILEPOST_LOG_FORMAT": "json",
        "MILEPOST_SHUTDOWN_DELAY_SECONDS": "0",
    }
    if service == "projects":
        values["MILEPOST_RELAY_DATABASE_URL"] = servers.dsns["projects_relay"]
        values["MILEPOST_KEEPER_NATS_URL"] = servers.nats_urls["keeper"]
        if servers.nats_issuer_seed is not None:
            values["MILEPOST_ADMISSION_NATS_URL"] = servers.nats_urls["admission"]
            values["MILEPOST_NATS_ISSUER_SEED"] = servers.nats_issuer_seed
    else:
        values["MILEPOST_INTERNAL_DATABASE_URL"] = servers.dsns[f"{service}_internal"]
        values["MILEPOST_PROJECTS_URL"] = f"http://{LOOPBACK}:{ports['projects']}"
        values["MILEPOST_SERVICE_TOKEN"] = trust.service_tokens[service]
    if service == "notifications":
        values["MILEPOST_SECRETS_KEY"] = trust.webhook_key
        values["MILEPOST_WEBHOOKS_ALLOW_LOOPBACK"] = "true"
    if administrator:
        values["MILEPOST_ADMIN_DATABASE_URL"] = servers.admin_dsn
        # What `verify` holds against the log, in the roles that see every organization.
        values["MILEPOST_TIMELINE_DATABASE_URL"] = servers.dsns["timeline_internal"]
        values["MILEPOST_NOTIFICATIONS_DATABASE_URL"] = servers.dsns["notifications_internal"]
    return values


def call(service: str, *arguments: str, environment: Mapping[str, str]) -> int:
    """Run one of a service's commands in the foreground, to its end; its exit code."""
    outcome = subprocess.run(command(service, *arguments), env={**os.environ, **environment}, check=False)
    return outcome.returncode


def is_ready(url: str) -> bool:
    """True if the service at this address says it can do its work."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 -- our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

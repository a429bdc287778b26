"""What a run keeps between starts so that its data stays reachable: passwords of roles, keys, who its owner is."""

import base64
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from services.projects.admission.keys import AccountKey

ROLES = (
    "projects_service",
    "projects_relay",
    "timeline_service",
    "timeline_internal",
    "notifications_service",
    "notifications_internal",
)
# One organization and one person to begin with; they mean something only on this machine.
ORG_ID = UUID("01900000-0000-7000-8000-000000000001")
ACTOR = UUID("01900000-0000-7000-8000-000000000002")


def kept_secrets(file: Path, names: Sequence[str]) -> dict[str, str]:
    """The secrets in this file, those missing made first. Each starts with a letter and needs no quoting."""
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in names if name not in kept]
    if missing:
        kept |= {name: f"p{secrets.token_hex(24)}" for name in missing}
        write_privately(file, json.dumps(kept))
    return kept


def kept_key(file: Path) -> str:
    """The key that seals stored secrets, `<key id>:<base64 of 32 bytes>`; made first where there is none."""
    if not file.exists():
        write_privately(file, f"local:{base64.b64encode(secrets.token_bytes(32)).decode()}")
    return file.read_text()


def kept_issuer(file: Path) -> AccountKey:
    """The key of those who admit integrations to NATS; made first where there is none."""
    if not file.exists():
        write_privately(file, AccountKey.new().seed)
    return AccountKey.of(file.read_text())


def write_privately(file: Path, text: str) -> None:
    """Only the owner may read it, also while it is being written."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)


def as_role(admin_dsn: str, role: str, password: str, database: str) -> str:
    """The administrator's DSN turned into a role's, for one database on the same server."""
    parts = urlsplit(admin_dsn)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{address}", path=f"/{database}"))

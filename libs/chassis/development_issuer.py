"""Tokens for development and tests, signed by a key in a directory. Refuses to exist in production.

`python -m libs.chassis.development_issuer token --directory .run/keys --org ... --actor ... --org-role owner`
"""

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from joserfc import jwt
from joserfc.jwk import OKPKey

from libs.chassis.identity import SERVICE_AUDIENCE, Algorithms

ISSUER = "milepost-development"
AUDIENCE = "milepost"
KEY_ID = "development"
PRIVATE_FILE = "private.json"
PUBLIC_FILE = "jwks.json"
SECONDS_OF_UNIT = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class DevelopmentIssuer:
    """Signs whatever it is asked to. The key pair in `directory` is made when it is missing.

    Raises `PermissionError` where `MILEPOST_ENVIRONMENT` is `production`.
    """

    def __init__(self, directory: Path, *, issuer: str = ISSUER, audience: str = AUDIENCE) -> None:
        if os.environ.get("MILEPOST_ENVIRONMENT") == "production":
            raise PermissionError("the development issuer refuses to run in production")
        self._issuer = issuer
        self._audience = audience
        self._directory = directory
        self._key = self._own_key()

    @property
    def jwks_file(self) -> Path:
        """The public half, as services read it (`MILEPOST_JWKS_FILE`)."""
        return self._directory / PUBLIC_FILE

    def mint(
        self,
        *,
        org_id: UUID,
        actor: UUID,
        org_role: str | None = None,
        project_roles: Mapping[UUID, str] | None = None,
        lifetime_seconds: float = 12 * 3_600,
    ) -> str:
        """A person's token; roles are those of `libs.chassis.identity`."""
        claims: dict[str, Any] = {
            "sub": str(actor),
            "org": str(org_id),
            "projects": {str(project_id): role for project_id, role in (project_roles or {}).items()},
        }
        if org_role is not None:
            claims["org_role"] = org_role
        return self.sign({**claims, "aud": self._audience}, lifetime_seconds)

    def mint_service(self, name: str, *, lifetime_seconds: float = 365 * 86_400) -> str:
        """A service's token, which opens internal operations and nothing else."""
        return self.sign({"sub": name, "aud": SERVICE_AUDIENCE}, lifetime_seconds)

    def sign(self, claims: Mapping[str, Any], lifetime_seconds: float) -> str:
        """A token with exactly these claims, issuer and times added where they are missing."""
        now = int(time.time())
        times = {"iss": self._issuer, "iat": now, "nbf": now, "exp": now + int(lifetime_seconds)}
        header = {"alg": "EdDSA", "kid": KEY_ID, "typ": "at+jwt"}
        return jwt.encode(header, {**times, **claims}, self._key, registry=Algorithms())

    def _own_key(self) -> OKPKey:
        private_file = self._directory / PRIVATE_FILE
        if not private_file.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            key = OKPKey.generate_key("Ed25519", parameters={"kid": KEY_ID, "use": "sig"})
            public = {"keys": [key.as_dict(private=False, kid=KEY_ID)]}
            self.jwks_file.write_text(json.dumps(public, indent=2), encoding="utf-8")
            private_file.touch(mode=0o600)
            private_file.write_text(json.dumps(key.as_dict(private=True, kid=KEY_ID)), encoding="utf-8")
        return OKPKey.import_key(json.loads(private_file.read_text(encoding="utf-8")))


def seconds_of(lifetime: str) -> float:
    """`90s`, `15m`, `12h` or `30d` in seconds; raises `ValueError` for anything else."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", lifetime)
    if match is None:
        raise ValueError("a lifetime looks like 15m or 12h")
    return int(match[1]) * SECONDS_OF_UNIT[match[2]]


command_line = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="Tokens for development."
)
Directory = Annotated[Path, typer.Option(help="Where the key pair is, or will be.")]
Lifetime = Annotated[str, typer.Option(help="For example 15m or 12h.")]


@command_line.command()
def token(
    org: Annotated[UUID, typer.Option(help="The organization.")],
    actor: Annotated[UUID, typer.Option(help="The person.")],
    directory: Directory = Path(".run/keys"),
    org_role: Annotated[str | None, typer.Option(help="owner, admin, member or auditor.")] = None,
    project: Annotated[list[str] | None, typer.Option(help="<project id>=<role>; may be repeated.")] = None,
    lifetime: Lifetime = "12h",
) -> None:
    """Print a person's token."""
    roles = {UUID(entry.partition("=")[0]): entry.partition("=")[2] for entry in project or []}
    issuer = DevelopmentIssuer(directory)
    minted = issuer.mint(
        org_id=org, actor=actor, org_role=org_role, project_roles=roles, lifetime_seconds=seconds_of(lifetime)
    )
    sys.stdout.write(minted + "\n")


@command_line.command()
def service_token(
    name: Annotated[str, typer.Option(help="The service, e.g. timeline.")],
    directory: Directory = Path(".run/keys"),
    lifetime: Lifetime = "365d",
) -> None:
    """Print a service's token."""
    minted = DevelopmentIssuer(directory).mint_service(name, lifetime_seconds=seconds_of(lifetime))
    sys.stdout.write(minted + "\n")


if __name__ == "__main__":
    command_line()

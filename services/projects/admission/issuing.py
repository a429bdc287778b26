"""The JSON Web Tokens that NATS understands: the server's question whether to let somebody in, and our answer.

A server with `auth_callout` believes whoever holds the seed of its issuer: that seed can let anybody in as anybody.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.chassis.clock import epoch_seconds
from services.projects.admission.keys import AccountKey

REQUEST_BYTES_MAX = 16 * 1024
FORMAT = 2


class NoRequest(Exception):
    """What was received is no question of a NATS server."""


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody who wants in: what they say of themselves, and where the server has them."""

    secret: str = field(repr=False)
    address: str
    user_key: str
    server_id: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What somebody may do who was let in, until the instant `expires_at` in seconds since 1970."""

    account: str
    name: str
    publish: Sequence[str]
    subscribe: Sequence[str]
    expires_at: int


class Issuer:
    """Signs answers with the seed (`SA…`) of an account key; raises `ValueError` for any other."""

    def __init__(self, seed: str) -> None:
        self._key = AccountKey.of(seed)
        self.public_key = self._key.public

    def admit(self, request: Request, admission: Admission) -> bytes:
        """The answer that lets somebody in."""
        user = {
            "sub": request.user_key,
            "aud": admission.account,
            "name": admission.name,
            "exp": admission.expires_at,
            "nats": {
                "type": "user",
                "version": FORMAT,
                "pub": {"allow": list(admission.publish)},
                "sub": {"allow": list(admission.subscribe)},
                # These limits the server takes from the account alone; without them it reads zero.
                "subs": -1,
                "payload": -1,
                "data": -1,
                "allowed_connection_types": ["STANDARD"],
            },
        }
        return self._answer(request, {"jwt": self._signed(user)})

    def refuse(self, request: Request) -> bytes:
        """The answer that keeps somebody out, and says nothing else."""
        return self._answer(request, {"error": "refused"})

    def _answer(self, request: Request, content: Mapping[str, str]) -> bytes:
        nats = {"type": "authorization_response", "version": FORMAT, **content}
        return self._signed({"sub": request.user_key, "aud": request.server_id, "nats": nats}).encode()

    def _signed(self, claims: Mapping[str, Any]) -> str:
        named = {"iss": self.public_key, "iat": int(epoch_seconds()), **claims}
        digest = hashlib.sha256(json.dumps(named).encode() + os.urandom(16)).digest()
        named["jti"] = base64.b32encode(digest).decode().rstrip("=")
        text = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(named)}"
        return f"{text}.{_encoded(self._key.sign(text.encode()))}"


def read_request(token: bytes) -> Request:
    """What a server asks; raises `NoRequest`.

    The signature is not looked at: it is the server's own, whose key nobody told us, and only the server may
    publish where this was heard.
    """
    try:
        if len(token) > REQUEST_BYTES_MAX:
            raise NoRequest("too long")
        _, claims, _ = token.split(b".")
        asked = _Claims.model_validate_json(base64.urlsafe_b64decode(claims + b"==")).nats
    except (ValueError, ValidationError) as error:
        raise NoRequest(type(error).__name__) from None
    given = asked.connect_opts
    return Request(
        given.auth_token or given.password, asked.client_info.host, asked.user_nkey, asked.server_id.id
    )


class _Claim(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Client(_Claim):
    host: str = Field(default="", max_length=256)


class _Options(_Claim):
    auth_token: str = Field(default="", max_length=4_096)
    password: str = Field(default="", alias="pass", max_length=4_096)


class _Server(_Claim):
    id: str = Field(max_length=64)


class _Asked(_Claim):
    user_nkey: str = Field(pattern=r"^U[A-Z2-7]{55}$")
    server_id: _Server
    client_info: _Client
    connect_opts: _Options


class _Claims(_Claim):
    aud: str = Field(pattern="^nats-authorization-request$")
    nats: _Asked


def _part(content: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(content, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")

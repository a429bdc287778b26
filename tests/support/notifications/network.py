"""A network that records: every name that was resolved and every socket that was asked for; nothing leaves here."""

import socket
import ssl
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpcore2

ACCEPTED = [b"HTTP/1.1 204 No Content\r\n\r\n"]
PUBLIC_ADDRESS = "93.184.215.14"


@dataclass
class RecordedStream(httpcore2.AsyncNetworkStream):
    """One connection: what was sent, and the name TLS was asked for."""

    answers: list[bytes]
    sent: bytearray = field(default_factory=bytearray)
    tls_names: list[str | None] = field(default_factory=list)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.answers.pop(0) if self.answers else b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.sent += buffer

    async def aclose(self) -> None:
        return None

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        assert ssl_context.check_hostname
        assert ssl_context.verify_mode is ssl.CERT_REQUIRED
        self.tls_names.append(server_hostname)
        return self


@dataclass
class RecordedNetwork(httpcore2.AsyncNetworkBackend):
    """Every resolution and every connection; `names` says what resolves to what, in turn where it changes."""

    names: dict[str, list[list[str]]]
    dead: frozenset[str] = frozenset()
    answers: list[bytes] = field(default_factory=lambda: list(ACCEPTED))
    resolved: list[tuple[str, int]] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    streams: list[RecordedStream] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append((host, port))
        if host not in self.names:
            raise OSError("no such name")
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.connected.append((host, port))
        if host in self.dead:
            raise httpcore2.ConnectError("dead")
        self.streams.append(RecordedStream(list(self.answers)))
        return self.streams[-1]


@dataclass
class LenientNetwork(RecordedNetwork):
    """Resolves as operating systems do: short, octal, hexadecimal and full-width forms of addresses are addresses.

    Every name it does not know is public.
    """

    async def resolve(self, host: str, port: int) -> list[str]:
        name = unicodedata.normalize("NFKC", host).replace("\u3002", ".").removesuffix(".").lower()
        if name in self.names:
            return await super().resolve(name, port)
        self.resolved.append((host, port))
        if name == "localhost" or name.endswith(".localhost"):
            return ["127.0.0.1", "::1"]
        return [_as_address(name) or PUBLIC_ADDRESS]


def _as_address(name: str) -> str | None:
    try:
        return str(ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except (OSError, ValueError):
        return None

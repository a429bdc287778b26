"""The one way out: a connector that resolves a name once, checks every address and connects to a checked one.

The name stays in the Host header and in TLS (SNI and certificate), so that a name that resolves to
another address a moment later gains nothing. No redirect is followed, no proxy is asked.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

from services.notifications.channels.webhooks.addresses import (
    EgressPolicy,
    RefusedDestination,
    check_address,
    read_address,
)

ADDRESSES_TRIED_MAX = 4

Resolver = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as the operating system resolves it; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections to checked addresses only; `inner` opens the socket."""

    def __init__(
        self,
        policy: EgressPolicy,
        resolver: Resolver = resolve,
        inner: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._inner = inner or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers; one address that may not be reached refuses them all."""
        addresses = await self._checked_addresses(host, port)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name does not resolve: {error}") from error
        checked: dict[str, None] = {}
        for text in found:
            address = read_address(text)
            if address is None or "%" in text:
                raise RefusedDestination("address_not_public", "The host's address is not a public one.")
            check_address(self._policy, address)
            checked[str(address)] = None
        if not checked:
            raise httpcore2.ConnectError("the name has no address")
        return list(checked)[:ADDRESSES_TRIED_MAX]

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise RefusedDestination("address_not_public", "Webhooks go over the network only.")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport over the guarded backend; connections are never kept, so each is checked anew."""

    def __init__(
        self, backend: GuardedBackend, tls: ssl.SSLContext | None = None, connections_max: int = 100
    ) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=connections_max,
            max_keepalive_connections=0,
            http2=False,
            retries=0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        with _errors_of_httpx2(request):
            response = await self._pool.handle_async_request(
                httpcore2.Request(
                    method=request.method,
                    url=httpcore2.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, request),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response, request: httpx2.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_of_httpx2(self._request):
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _errors_of_httpx2(request: httpx2.Request) -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.TimeoutException(str(error), request=request) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
        raise httpx2.TransportError(str(error), request=request) from error


def guarded_client(
    policy: EgressPolicy,
    *,
    resolver: Resolver = resolve,
    inner: httpcore2.AsyncNetworkBackend | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_seconds: float = 10.0,
) -> httpx2.AsyncClient:
    """An HTTP client that can only reach what the policy allows, ignoring the environment's proxies."""
    transport = GuardedTransport(GuardedBackend(policy, resolver, inner), tls)
    return httpx2.AsyncClient(
        transport=transport, trust_env=False, follow_redirects=False, timeout=timeout_seconds
    )

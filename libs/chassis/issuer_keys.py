"""The keys of an issuer over HTTP: at a fixed URL, or at the one its discovery document names."""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2 as httpx

from libs.chassis.key_sets import DOCUMENT_BYTES_MAX, KeysUnavailable

FETCH_SECONDS_MAX = 5.0
REFRESH_SECONDS = 300.0
DISCOVERY_PATH = "/.well-known/openid-configuration"
# Nobody there, too slow, or an answer that is not what it should be.
UNREADABLE = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True)
class IssuerSource:
    """The JWKS at `url`, or, without one, where the discovery document of `issuer` says it is.

    Asked without redirects and without the environment's proxies, over https unless `http_allowed`.
    `transport` replaces the network.
    """

    url: str | None
    issuer: str
    http_allowed: bool = False
    refresh_seconds: float = REFRESH_SECONDS
    transport: httpx.AsyncBaseTransport | None = None

    async def read(self) -> bytes:
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX), self._client() as client:
                return await self._fetched(client, self.url or await self._discovered(client))
        except UNREADABLE as error:
            raise KeysUnavailable(f"the issuer's keys: {type(error).__name__}: {error}") from error

    def _client(self) -> httpx.AsyncClient:
        # A connection for each look, as looks are minutes apart.
        return httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=FETCH_SECONDS_MAX,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            transport=self.transport,
        )

    async def _discovered(self, client: httpx.AsyncClient) -> str:
        document = json.loads(await self._fetched(client, self.issuer.rstrip("/") + DISCOVERY_PATH))
        if document["issuer"] != self.issuer:
            raise ValueError("the discovery document is another issuer's")
        return str(document["jwks_uri"])

    async def _fetched(self, client: httpx.AsyncClient, url: str) -> bytes:
        if urlsplit(url).scheme not in (("https", "http") if self.http_allowed else ("https",)):
            raise ValueError("keys are fetched over https")
        received = b""
        async with client.stream("GET", url) as response:
            if response.status_code != 200 or "content-encoding" in response.headers:
                raise ValueError(f"answered {response.status_code}")
            async for piece in response.aiter_raw():
                received += piece
                if len(received) > DOCUMENT_BYTES_MAX:
                    raise ValueError("the answer is too long")
        return received

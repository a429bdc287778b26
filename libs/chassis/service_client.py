"""How one service of ours asks another: over HTTP, with its own token, in the trace of whatever it does."""

from collections.abc import Callable, Mapping

import httpx2 as httpx

from libs.chassis import tracing

SECONDS_MAX = 10.0


class ServiceUnavailable(Exception):
    """The other service did not answer as it should; ask again later."""


class ServiceClient:
    """One client for the life of the process.

    `service_token` is asked before each request, so that the token may be a file that somebody else keeps fresh.
    `transport` replaces the network, e.g. by an application in the same process.
    """

    def __init__(
        self,
        url: str,
        service_token: Callable[[], str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service_token = service_token
        self._client = httpx.AsyncClient(
            base_url=url,
            # Between services of ours the processor is dearer than the wire.
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(SECONDS_MAX),
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, path: str, parameters: Mapping[str, int]) -> httpx.Response:
        """The answer, which is a good one; raises `ServiceUnavailable`."""
        return await self._asked(self._client.build_request("GET", path, params=parameters))

    async def post(self, path: str, body: bytes) -> httpx.Response:
        """The answer to a body of JSON, which is a good one; raises `ServiceUnavailable`."""
        headers = {"Content-Type": "application/json"}
        return await self._asked(self._client.build_request("POST", path, content=body, headers=headers))

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        try:
            request.headers.update(tracing.outgoing())
            request.headers["Authorization"] = f"Bearer {self._service_token()}"
            response = await self._client.send(request)
            response.raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            raise ServiceUnavailable(f"{type(error).__name__}: {error}") from error
        return response

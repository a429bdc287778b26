"""The bulk feed of the log over HTTP, for consumers that lag behind the stream and for rebuilds."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType

import httpx2 as httpx

from libs.chassis.service_client import ServiceClient, ServiceUnavailable
from libs.events.consuming import Position
from libs.events.envelope import Envelope, read_cloud_event

PAGE_EVENTS_MAX = 5_000
PATH = "/internal/v1/log"
DIVERGENCE_PATH = f"{PATH}/divergence"


class FeedUnavailable(Exception):
    """The log's feed did not answer as it should; ask again later."""


class Feed:
    """Reads events of the log in order, in pages. One for the life of the process; see `ServiceClient`."""

    def __init__(
        self,
        projects_url: str,
        service_token: Callable[[], str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = ServiceClient(projects_url, service_token, transport)

    async def __aenter__(self) -> "Feed":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    async def page(self, after: int, limit: int = PAGE_EVENTS_MAX) -> list[Envelope]:
        """Up to `limit` events after a position, in order; empty at the head. Raises `FeedUnavailable`."""
        return [read_cloud_event(line) for line in (await self._get(after, limit)).content.splitlines()]

    async def head(self) -> int:
        """The position of the last event in the log. Raises `FeedUnavailable`."""
        return int((await self._get(0, 0)).headers["Milepost-Head"])

    async def pages(self, after: int, until: int | None = None) -> AsyncIterator[list[Envelope]]:
        """Pages of events after a position, up to another one or to the head of the moment."""
        while until is None or after < until:
            limit = PAGE_EVENTS_MAX if until is None else min(PAGE_EVENTS_MAX, until - after)
            events = await self.page(after, limit)
            if not events:
                return
            yield events
            after = events[-1].position

    async def place(self, position: int) -> Position:
        """A place in the log; without an event where the log is not that long. Raises `FeedUnavailable`."""
        there = await self.page(position - 1, 1) if position else []
        return Position(position, there[0].event_id if there else None)

    async def is_published(self) -> bool:
        """Whether the stream is a true copy of the log, however far it has come. Raises `FeedUnavailable`."""
        try:
            return (await self._client.get(DIVERGENCE_PATH, {})).json() is None
        except ServiceUnavailable as error:
            raise FeedUnavailable(f"projects can not say what the stream holds: {error}") from error

    async def _get(self, after: int, limit: int) -> httpx.Response:
        try:
            return await self._client.get(PATH, {"after": after, "limit": limit})
        except ServiceUnavailable as error:
            raise FeedUnavailable(f"the log's feed failed: {error}") from error

"""A reader of the stream of events who never gives up, whatever ends the connection."""

import asyncio

from deploy.local.stack import Stack
from tests.support.event_streams import Listener, connected

CONNECTED_SECONDS_MAX = 4_000
PAUSE_SECONDS = 0.2


class Faithful:
    """A reader who comes back with the last id it has, as a browser does, until it is told to leave."""

    def __init__(self, stack: Stack, token: str, **parameters: str) -> None:
        self._stack = stack
        self._token = token
        self._parameters = parameters
        self._kept: list[int] = []
        self._now = Listener()
        self.reasons: list[str] = []

    @property
    def positions(self) -> list[int]:
        return [*self._kept, *self._now.positions]

    async def read(self) -> None:
        last_id = 0
        while True:
            headers = {"Last-Event-ID": str(last_id)}
            url = self._stack.url("projects")
            async with connected(url, self._token, headers, **self._parameters) as listener:
                self._now = listener
                await listener.has_ended(CONNECTED_SECONDS_MAX)
                self._kept += listener.positions
                self._now = Listener()
                if listener.frames:
                    last_id = listener.last_id
                if listener.reason:
                    self.reasons.append(listener.reason)
            await asyncio.sleep(PAUSE_SECONDS)

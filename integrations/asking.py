"""Asks timeline over its public HTTP API, from a position on that it first waits for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import stamina

WAIT_SECONDS = 5
PATIENCE_SECONDS_MAX = 300.0
PAGE_LIMIT = 200

Answer = dict[str, Any]


class Behind(Exception):
    """The read models have not reached the position yet; they reach `position` so far."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"timeline is at position {position:,}")


class Refused(Exception):
    """Timeline does not answer this question; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Questions to timeline; every answer knows at least everything up to `position`."""

    client: httpx2.Client
    position: int = 0

    def wait(self, reached: Callable[[int], None] = lambda _: None) -> None:
        """Return once the position can be read; `reached` is told how far it is. Raises `Behind` in the end."""
        for attempt in stamina.retry_context(
            on=lambda error: self._is_on_the_way(error, reached),
            attempts=None,
            timeout=PATIENCE_SECONDS_MAX,
            wait_initial=0.1,
            wait_max=0.5,
            wait_jitter=0,
        ):
            with attempt:
                self.ask("projects", limit=1)
        reached(self.position)

    def ask(self, path: str, **parameters: Any) -> Answer:
        """The answer to one question; raises `Behind` or `Refused`."""
        answer = self.client.get(
            f"/v1/timeline/{path}",
            params={**parameters, "min_position": self.position},
            headers={"Prefer": f"wait={WAIT_SECONDS}"},
        )
        if answer.status_code == httpx2.codes.OK:
            found: Answer = answer.json()
            return found
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            raise Behind(int(answer.headers.get("Milepost-Position", "0")))
        raise Refused(f"{answer.status_code} from {answer.url}: {answer.text[:500]}")

    def every(self, path: str, **parameters: Any) -> Iterator[Answer]:
        """All items of a list, page by page, all as of the position of the first page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.ask(path, limit=PAGE_LIMIT, **parameters, **cursor)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    @staticmethod
    def _is_on_the_way(error: Exception, reached: Callable[[int], None]) -> bool:
        if isinstance(error, Behind):
            reached(error.position)
        return isinstance(error, Behind | httpx2.TransportError)

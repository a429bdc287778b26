"""`GET /v1/events`: the events somebody may see, behind a position, in order, waiting for the next one if asked to."""

import asyncio
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.access.authentication import current_caller
from libs.chassis.faults import wrong_parameter
from libs.chassis.freshness import POSITION_HEADER, wait_seconds
from libs.chassis.identity import Caller
from libs.chassis.moments import read_position
from libs.chassis.queries import refuse_except
from libs.events.log.selecting import EventPages, Page, Selection
from services.projects.api.event_questions import FILTERS, beyond_head, filters
from services.projects.event_tail import EventTail

PATH = "/v1/events"
LIMIT_DEFAULT = 50
LIMIT_MAX = 1_000
WAITING_MAX = 1_000


class EventFeed:
    """Answers from `pages`; who waits is woken by `tail`. Beyond 1,000 who wait, nobody more is let wait."""

    def __init__(self, pages: EventPages, tail: EventTail) -> None:
        self._pages = pages
        self._tail = tail
        self._waiting = 0

    def routes(self) -> list[BaseRoute]:
        return [Route(PATH, self.read, methods=["GET"])]

    async def read(self, request: Request) -> Response:
        """A page; an empty one that ends at the head only after `Prefer: wait` has passed."""
        caller = await current_caller(request)
        refuse_except(request, FILTERS | {"after": False, "limit": False})
        wanted, limit = filters(request), _limit(request.query_params.get("limit"))
        after = read_position("after", request.query_params.get("after", "0"))
        selection = wanted.within(caller)
        page, head = await self._pages.page(selection, after, limit)
        if after > head:
            raise beyond_head(head)
        if self._may_wait(request) and not page.bodies and page.next_after >= head:
            await self._wait(request, caller, selection, head)
            # What they may see is asked anew: it may have changed while they waited.
            selection = wanted.within(await current_caller(request))
            page, head = await self._pages.page(selection, head, limit)
        headers = {POSITION_HEADER: str(head), "Link": _next_link(request, page), "Cache-Control": "no-store"}
        return Response(page_body(page, head), 200, headers, "application/json")

    def _may_wait(self, request: Request) -> bool:
        return wait_seconds(request.headers.get("prefer")) > 0 and self._waiting < WAITING_MAX

    async def _wait(self, request: Request, caller: Caller, selection: Selection, position: int) -> None:
        """Return when there is something wanted behind the position, when the time is over, or the process stops."""
        woken = asyncio.Event()
        follower = self._tail.follow(selection, caller.actor, position, woken.set)
        if follower is None:
            return
        self._waiting += 1
        stopping: asyncio.Event = request.app.state.stopping
        either = [asyncio.create_task(event.wait()) for event in (woken, stopping)]
        try:
            seconds = wait_seconds(request.headers.get("prefer"))
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in either:
                waiting.cancel()
            self._waiting -= 1
            self._tail.leave(follower)


def page_body(page: Page, head: int) -> bytes:
    """`{"items":[…],"next_after":…,"head":…}` of events that are JSON already."""
    return b'{"items":[%s],"next_after":%d,"head":%d}' % (b",".join(page.bodies), page.next_after, head)


def _next_link(request: Request, page: Page) -> str:
    others = [each for each in request.query_params.multi_items() if each[0] != "after"]
    query = urlencode([*others, ("after", page.next_after)])
    return f'<{request.url.path}?{query}>; rel="next"'


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LIMIT_MAX):
        raise wrong_parameter("limit", f"limit must be from 1 to {LIMIT_MAX}.")
    return int(text)

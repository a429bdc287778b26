"""From a request to a snapshot, and from an answer to bytes; the same for every question."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from libs.access.authorize import visible_projects
from libs.chassis.conditional import etag, is_unmodified
from libs.chassis.freshness import POSITION_HEADER, fresh_enough
from libs.chassis.identity import Caller
from libs.chassis.openapi_headers import named
from libs.chassis.pagination import page_request, sort_keys
from libs.chassis.problems import Problem
from services.timeline.api.forms import Form
from services.timeline.api.questions import AsOfParameters, PageParameters
from services.timeline.as_of import AsOf
from services.timeline.asking import (
    Conditions,
    InvalidKey,
    ListQuestion,
    Order,
    Reading,
    Scope,
    Sort,
    page,
)
from services.timeline.charts.rendering import Renderer
from services.timeline.reading import Reader

# A chart opened by itself is a document: it may style itself and nothing else.
CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# What the API document says of a route that draws.
CHART: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"image/svg+xml": {"schema": {"type": "string", "format": "binary"}, "example": "<svg/>"}},
        "headers": named("Content-Security-Policy"),
    }
}


@asynccontextmanager
async def asked(
    request: Request, caller: Caller, parameters: AsOfParameters, pinned_to: int | None = None
) -> AsyncIterator[Reading]:
    """The snapshot that answers a request, for what the caller may see today."""
    await fresh_enough(request, request.app.state.progress)
    reader: Reader = request.app.state.reader
    scope = Scope(caller.org_id, visible_projects(caller))
    moment = parameters.moment if pinned_to is None else pinned_to
    async with reader.at(scope, moment, parameters.effective_instant) as reading:
        yield reading


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that can be asked for: where its rows come from, and what it may be sorted by."""

    sorts: Mapping[str, Sort]
    default_sort: str
    id_column: str

    def orders(self, text: str | None) -> tuple[Order, ...]:
        """The order terms with the id as tie-break; raises `Problem` 422."""
        keys = sort_keys(text, tuple(self.sorts), self.default_sort)
        terms = [Order(self.sorts[key.name], key.descending) for key in keys]
        return (*terms, Order(Sort(self.id_column, "uuid")))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and what goes with it."""

    as_of: AsOf
    rows: Sequence[Mapping[str, Any]]
    next_cursor: str | None
    headers: Mapping[str, str]


async def listed(
    request: Request,
    caller: Caller,
    parameters: PageParameters,
    listing: Listing,
    conditions: Conditions,
    sort: str | None = None,
    check: Callable[[Reading], Awaitable[object]] | None = None,
) -> Page:
    """A page of a list, as of the position of its first page; `check` may refuse in the same snapshot."""
    wanted = page_request(request, caller.org_id)
    orders = listing.orders(sort)
    async with asked(request, caller, parameters, wanted.position) as reading:
        if check is not None:
            await check(reading)
        question = ListQuestion(orders, conditions, wanted.limit, _texts(wanted.after))
        try:
            rows, after = await page(reading, question)
        except InvalidKey as error:
            raise Problem(422, "invalid_cursor") from error
    cursor = None if after is None else wanted.next_cursor(after, reading.as_of.position)
    return Page(reading.as_of, rows, cursor, wanted.headers(cursor))


def answer(
    form: Form, as_of: AsOf, *, version: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer with the position it was read at, and the tag that a conditional command needs."""
    fields = {POSITION_HEADER: str(as_of.position), **(headers or {})}
    if version is not None:
        fields["ETag"] = etag(version)
    return Response(form.model_dump_json(), media_type="application/json", headers=fields)


def shown(
    request: Request, form: Form, as_of: AsOf, version: int, *, depends_on_day: bool = False
) -> Response:
    """A single resource; 304 for who has this version, unless the day has changed what is derived from it."""
    if not depends_on_day and is_unmodified(request.headers.get("if-none-match"), etag(version)):
        return Response(
            status_code=304, headers={POSITION_HEADER: str(as_of.position), "ETag": etag(version)}
        )
    return answer(form, as_of, version=version)


async def drawn(request: Request, chart: dict[str, Any], as_of: AsOf) -> Response:
    """A chart as SVG, from the process that draws."""
    renderer: Renderer = request.app.state.renderer
    svg = await renderer.svg(chart)
    headers = {POSITION_HEADER: str(as_of.position), "Content-Security-Policy": CHART_POLICY}
    return Response(svg, media_type="image/svg+xml", headers=headers)


def _texts(after: Sequence[Any] | None) -> tuple[str, ...] | None:
    return None if after is None else tuple(map(str, after))

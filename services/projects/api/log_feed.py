"""`GET /internal/v1/log`: the bulk feed of the log for the other services, as NDJSON of CloudEvents.

`GET /internal/v1/log/divergence` says where the stream parts from it: `null` where it is a true copy.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from libs.chassis import identity
from libs.chassis.problems import Problem
from libs.chassis.queries import refuse_except
from libs.events import feed
from libs.events.log.adopting import Divergence, StreamUnknown
from libs.events.log.log import Log

MEDIA_TYPE = "application/x-ndjson"
POSITION_MAX = 2**63 - 1
# By name, whether it may be repeated.
PARAMETERS = {"after": False, "limit": False}


def routes() -> list[BaseRoute]:
    return [
        Route(feed.PATH, read, methods=["GET"]),
        Route(feed.DIVERGENCE_PATH, compare, methods=["GET"]),
    ]


async def read(request: Request) -> Response:
    """Up to `limit` events after the position `after`, in order, and where the log ends."""
    await identity.service_caller(request)
    refuse_except(request, PARAMETERS)
    after = _number(request, "after", POSITION_MAX)
    limit = _number(request, "limit", feed.PAGE_EVENTS_MAX)
    log: Log = request.app.state.log
    bodies = await log.read_bodies(after, limit) if limit else []
    headers = {"Milepost-Head": str(await log.head())}
    return Response(b"\n".join(bodies), 200, headers, MEDIA_TYPE)


async def compare(request: Request) -> Response:
    """Asked by operators' commands alone, so each question has a connection of its own."""
    await identity.service_caller(request)
    refuse_except(request, {})
    try:
        found: Divergence | None = await request.app.state.divergence()
    except StreamUnknown as error:
        raise Problem(503, "unavailable", str(error)) from error
    return JSONResponse(found and asdict(found))


def _number(request: Request, name: str, most: int) -> int:
    text = request.query_params.get(name, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > most:
        fault = {"parameter": name, "code": "number", "detail": f"A whole number from 0 to {most}."}
        raise Problem(422, "invalid_request", extra={"errors": [fault]})
    return int(text)

"""From a request to a snapshot, and from an answer to bytes; the same for every question."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request, Response

from libs.access.authorize import not_found, visible_projects
from libs.chassis.identity import Caller
from services.timeline.api.forms import Form
from services.timeline.api.questions import AsOfParameters
from services.timeline.as_of import AsOf
from services.timeline.asking import Scope
from services.timeline.reading import Reader, Reading

__all__ = ["answer", "asked", "not_found"]


@asynccontextmanager
async def asked(request: Request, caller: Caller, parameters: AsOfParameters) -> AsyncIterator[Reading]:
    """The snapshot that answers a request, for what the caller may see today."""
    reader: Reader = request.app.state.reader
    scope = Scope(caller.org_id, visible_projects(caller))
    async with reader.at(scope, parameters.asked_as_of, parameters.asked_effective_at) as reading:
        yield reading


def answer(form: Form, as_of: AsOf, *, version: int | None = None, link: str | None = None) -> Response:
    """The answer with the position it was read at, and the tag that a conditional command needs.

    It is never a 304: what is overdue depends on the instant asked for, not on the version alone.
    """
    headers = {"Milepost-Position": str(as_of.position)}
    if version is not None:
        headers["ETag"] = f'"{version}"'
    if link is not None:
        headers["Link"] = link
    return Response(form.model_dump_json(), media_type="application/json", headers=headers)

"""`GET …/access-log`: who was denied what and who decided over others, for those who may audit the organization."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from libs.access.access_log.recording import AccessLog
from libs.access.authentication import current_caller
from libs.access.authorize import Action, authorize
from libs.chassis.faults import wrong_parameter
from libs.chassis.identity import Caller
from libs.chassis.moments import read_instant
from libs.chassis.pagination import PageRequest, page_body, page_request
from libs.chassis.queries import refuse_unknown

SELECT = """
select recorded_at, entry_id, kind, actor, operator, operation, target_id, status, code, trace_id
from access_log
where org_id = $1 and ($2::timestamptz is null or recorded_at >= $2) and ($3::timestamptz is null or recorded_at < $3)
  and ($4::timestamptz is null or (recorded_at, entry_id) > ($4, $5::uuid))
order by recorded_at, entry_id
limit $6
"""


class AccessEntry(BaseModel):
    """A request that was denied, or a decision over members, keys or policies that was carried out."""

    entry_id: UUID
    recorded_at: datetime
    kind: Literal["denied", "administrative"]
    actor: UUID | None
    operator: str | None
    operation: str
    target_id: UUID | None
    status: int | None
    code: str | None
    trace_id: str | None


class AccessLogPage(BaseModel):
    """Entries, oldest first, and where the next ones begin."""

    items: list[AccessEntry]
    next_cursor: str | None


def routes(prefix: str) -> APIRouter:
    """The export of the access log under a service's prefix, such as `/v1/timeline`."""
    router = APIRouter(tags=["access log"], dependencies=[Depends(refuse_unknown)])
    router.get(
        f"{prefix}/access-log",
        response_model=AccessLogPage,
        summary="Who was denied, and who decided over others",
    )(export_access_log)
    return router


async def export_access_log(
    request: Request,
    caller: Annotated[Caller, Depends(current_caller)],
    since: Annotated[str | None, Query(alias="from", description="The first instant that counts.")] = None,
    before: Annotated[
        str | None, Query(description="The first instant that does not count any more.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2_000)] = None,
) -> Response:
    """Oldest first. An entry may appear some seconds late, so the last minute may still grow."""
    authorize(caller, Action.AUDIT, None)
    paging = page_request(request, caller.org_id)
    access_log: AccessLog = request.app.state.access_log
    bounds = (read_instant("from", since), read_instant("before", before))
    async with access_log.organizations.transaction(caller.org_id, readonly=True) as connection:
        rows = await connection.fetch(SELECT, caller.org_id, *bounds, *_place(paging), paging.limit + 1)
    return _page(paging, rows)


def _place(paging: PageRequest) -> tuple[datetime | None, UUID | None]:
    """The entry behind which the page begins; a cursor is not signed, so it is read like every other parameter."""
    if paging.after is None:
        return None, None
    try:
        recorded_at, entry_id = paging.after
        return datetime.fromisoformat(str(recorded_at)), UUID(str(entry_id))
    except (ValueError, OverflowError) as error:
        raise wrong_parameter("cursor", "Start again without a cursor.", code="invalid_cursor") from error


def _page(paging: PageRequest, rows: list[Any]) -> Response:
    shown, next_cursor = rows[: paging.limit], None
    if len(rows) > paging.limit:
        last = shown[-1]
        next_cursor = paging.next_cursor((last["recorded_at"].isoformat(), str(last["entry_id"])))
    items = [AccessEntry.model_validate(dict(row)).model_dump_json().encode() for row in shown]
    body = page_body(items, next_cursor)
    return Response(body, 200, paging.headers(next_cursor), "application/json")

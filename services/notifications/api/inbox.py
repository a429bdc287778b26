"""What a person was told: list, count, mark as read; only what that person may see today."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from libs.access.authorize import not_found
from libs.access.visibility import sight
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem
from libs.chassis.sessions import Connection
from services.notifications import inbox
from services.notifications.api.asking import (
    Asker,
    Paging,
    Told,
    answered,
    body_of,
    listed,
    once,
    page_answer,
    place,
    position_header,
    position_in,
    shown,
    takes,
)
from services.notifications.api.forms import InboxItemForm, InboxPage, MarkedRead, MarkRead, UnreadCount
from services.notifications.inbox import Inbox, InboxFilter, Reader
from services.notifications.once import Answer

PREFIX = "/v1/notifications/inbox"
router = APIRouter(tags=["inbox"])
Projects = Annotated[list[UUID] | None, Query(description="Only of these projects.")]


@router.get(PREFIX, response_model=InboxPage, summary="What you were told, newest first")
async def list_inbox(
    request: Request,
    asker: Asker,
    paging: Paging,
    told: Told,
    unread: Annotated[bool | None, Query(description="Only unread items, or only read ones.")] = None,
    project_id: Projects = None,
    since_position: Annotated[
        int | None, Query(ge=0, le=2**63 - 1, description="Only what came after it, oldest first.")
    ] = None,
) -> Response:
    wanted = InboxFilter(unread, project_id or (), since_position)
    after = place(paging, position_in)
    rows = await store(request).page(reader_of(asker), wanted, after[0] if after else None, paging.limit + 1)
    page = listed(rows, paging.limit, lambda row: (row.position,))
    return page_answer(
        paging, [InboxItemForm.of(row) for row in page.rows], page.after, position_header(told)
    )


@router.get(PREFIX + "/unread-count", response_model=UnreadCount, summary="How much you have not read")
async def count_unread(request: Request, asker: Asker, told: Told, project_id: Projects = None) -> Response:
    count = await store(request).unread_count(reader_of(asker), project_id or ())
    form = UnreadCount(
        unread=min(count, inbox.UNREAD_COUNTED_MAX),
        is_capped=count > inbox.UNREAD_COUNTED_MAX,
        position=told,
    )
    return Response(form.model_dump_json(), 200, position_header(told), "application/json")


@router.get(PREFIX + "/{event_id}", response_model=InboxItemForm, summary="One thing you were told")
async def show_inbox_item(request: Request, asker: Asker, told: Told, event_id: UUID) -> Response:
    found = await store(request).item(reader_of(asker), event_id)
    if found is None:
        raise not_found()
    return shown(request, InboxItemForm.of(found))


@router.post(
    PREFIX + "/mark-read",
    response_model=MarkedRead,
    openapi_extra=takes(MarkRead, versioned=False),
    summary="Mark some items, or everything up to a position, as read",
)
async def mark_inbox_read(request: Request, asker: Asker) -> Response:
    wish = await body_of(request, MarkRead)
    if (wish.up_to_position is None) == (not wish.event_ids):
        raise Problem(422, "invalid_request", "Name either event_ids or up_to_position.")

    async def work(connection: Connection, now: datetime) -> Answer:
        reader = reader_of(asker)
        if wish.up_to_position is None:
            marked = await inbox.mark_read(connection, reader, wish.event_ids, now)
            return answered(MarkedRead(marked=marked, has_more=False))
        projects = () if wish.project_id is None else (wish.project_id,)
        marked = await inbox.mark_read_up_to(connection, reader, wish.up_to_position, projects, now)
        return answered(MarkedRead(marked=marked, has_more=marked == inbox.MARKED_PER_STATEMENT))

    return await once(request, asker, work)


@router.post(
    PREFIX + "/{event_id}/mark-read",
    response_model=MarkedRead,
    openapi_extra=takes(versioned=False),
    summary="Mark one item as read",
)
async def mark_inbox_item_read(request: Request, asker: Asker, event_id: UUID) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        reader = reader_of(asker)
        marked = await inbox.mark_read(connection, reader, [event_id], now)
        if not marked and not await inbox.is_there(connection, reader, event_id):
            raise not_found()
        return answered(MarkedRead(marked=marked, has_more=False))

    return await once(request, asker, work)


def reader_of(asker: Caller) -> Reader:
    return Reader(asker.org_id, asker.actor, sight(asker))


def store(request: Request) -> Inbox:
    found: Inbox = request.app.state.inbox
    return found

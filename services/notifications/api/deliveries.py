"""What was sent to a webhook, what it answered, and sending something again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from libs.access.authorize import not_found
from libs.chassis.problems import Problem
from libs.chassis.sessions import Connection
from libs.events.envelope import instant, instant_text
from services.notifications.api.asking import (
    Asker,
    Paging,
    answered,
    body_of,
    listed,
    page_answer,
    place,
    position_header,
    shown,
    takes,
)
from services.notifications.api.webhook_forms import (
    DeliveryForm,
    DeliveryPage,
    DeliveryWithAttempts,
    ResendSince,
    Resent,
)
from services.notifications.api.webhooks import (
    PREFIX,
    PROOF,
    challenged,
    locked,
    managed,
    once_for_managers,
)
from services.notifications.channels.webhooks import delivery_log
from services.notifications.channels.webhooks.delivery_log import DeliveryLog, DeliveryState
from services.notifications.channels.webhooks.endpoints import EndpointState
from services.notifications.once import Answer

TESTS_A_MINUTE_MAX = 10
router = APIRouter(tags=["webhooks"])


@router.get(
    PREFIX + "/{endpoint_id}/deliveries", response_model=DeliveryPage, summary="What was sent, newest first"
)
async def list_deliveries(
    request: Request,
    asker: Asker,
    paging: Paging,
    endpoint_id: UUID,
    state: Annotated[list[DeliveryState] | None, Query()] = None,
) -> Response:
    found = await managed(request, asker, endpoint_id)
    after = place(paging, instant, UUID)
    log: DeliveryLog = request.app.state.delivery_log
    rows = await log.page(found, state or [], (after[0], after[1]) if after else None, paging.limit + 1)
    page = listed(rows, paging.limit, lambda row: (instant_text(row.made_at), str(row.event_id)))
    forms = [DeliveryForm.of(row) for row in page.rows]
    return page_answer(paging, forms, page.after, position_header(request.app.state.progress.position))


@router.get(
    PREFIX + "/{endpoint_id}/deliveries/{event_id}",
    response_model=DeliveryWithAttempts,
    summary="One delivery and every attempt",
)
async def show_delivery(request: Request, asker: Asker, endpoint_id: UUID, event_id: UUID) -> Response:
    endpoint = await managed(request, asker, endpoint_id)
    log: DeliveryLog = request.app.state.delivery_log
    found = await log.one(endpoint, event_id)
    if found is None:
        raise not_found()
    return shown(request, DeliveryWithAttempts.with_attempts(*found))


@router.post(
    PREFIX + "/{endpoint_id}/deliveries/{event_id}/resend",
    status_code=202,
    response_model=DeliveryForm,
    openapi_extra=takes(),
    summary="Send one delivery again",
)
async def resend_delivery(request: Request, asker: Asker, endpoint_id: UUID, event_id: UUID) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        found = await locked(connection, request, asker, endpoint_id)
        delivery = await delivery_log.resend(connection, found, event_id, now)
        if delivery is None:
            raise not_found()
        return answered(DeliveryForm.of(delivery), status=202)

    return await once_for_managers(request, asker, endpoint_id, work)


@router.post(
    PREFIX + "/{endpoint_id}/resend",
    status_code=202,
    response_model=Resent,
    openapi_extra=takes(ResendSince),
    summary="Send everything after a position again, in order",
)
async def resend_since(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    wish = await body_of(request, ResendSince)

    async def work(connection: Connection, now: datetime) -> Answer:
        found = await locked(connection, request, asker, endpoint_id)
        resent = await delivery_log.resend_since(connection, found, wish.since_position, now)
        return answered(Resent(resent=resent, has_more=resent == delivery_log.RESENT_MAX), status=202)

    return await once_for_managers(request, asker, endpoint_id, work)


@router.post(
    PREFIX + "/{endpoint_id}/test",
    status_code=202,
    response_model=DeliveryForm,
    openapi_extra=takes(refusing=("endpoint_not_active",)),
    summary="Send a test; look at the delivery for its result",
)
async def test_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        found = await locked(connection, request, asker, endpoint_id)
        if found.state is not EndpointState.ACTIVE:
            raise Problem(409, "endpoint_not_active")
        if await delivery_log.tests_since(connection, found, now) >= TESTS_A_MINUTE_MAX:
            raise Problem(429, "too_many_requests", headers={"Retry-After": "60"})
        delivery = await delivery_log.send_test(connection, asker.org_id, endpoint_id, asker.actor, now)
        return answered(
            DeliveryForm.of(delivery),
            status=202,
            location=f"{PREFIX}/{endpoint_id}/deliveries/{delivery.event_id}",
        )

    return await once_for_managers(request, asker, endpoint_id, work)


@router.post(
    PREFIX + "/{endpoint_id}/verify",
    status_code=202,
    response_model=DeliveryForm,
    openapi_extra=takes(refusing=("endpoint_not_active",)),
    summary="Send another challenge; look at the delivery for its result",
    description=PROOF,
)
async def verify_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        found = await locked(connection, request, asker, endpoint_id)
        if found.state not in (EndpointState.UNVERIFIED, EndpointState.ACTIVE):
            raise Problem(409, "endpoint_not_active")
        delivery = await challenged(connection, asker, found, now)
        return answered(
            DeliveryForm.of(delivery),
            status=202,
            location=f"{PREFIX}/{endpoint_id}/deliveries/{delivery.event_id}",
        )

    return await once_for_managers(request, asker, endpoint_id, work)

"""Webhooks of an organization: register, look at, change, pause, retire.

Those of a project belong to its managers, those of the whole organization to its owners and admins.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response

from libs.access.authorize import Action, actions, authorize, not_found
from libs.chassis.identity import Caller
from libs.chassis.ids import new_id
from libs.chassis.problems import Problem
from libs.chassis.sessions import Connection
from services.notifications.api.asking import (
    URL_PROBLEMS,
    Asker,
    Paging,
    answered,
    body_of,
    listed,
    once,
    page_answer,
    place,
    position_header,
    require_version,
    shown,
    takes,
)
from services.notifications.api.webhook_forms import (
    RegisterWebhook,
    ReviseWebhook,
    RotateSecret,
    WebhookForm,
    WebhookHealth,
    WebhookPage,
    WebhookWithSecret,
)
from services.notifications.channels.webhooks import endpoints
from services.notifications.channels.webhooks.addresses import RefusedDestination, check_url
from services.notifications.channels.webhooks.delivery_log import Delivery
from services.notifications.channels.webhooks.endpoints import Endpoint, Endpoints, Wanted
from services.notifications.channels.webhooks.proving import TooManyChallenges, challenge
from services.notifications.once import Answer, Work

PREFIX = "/v1/notifications/webhooks"
router = APIRouter(tags=["webhooks"])

PROOF = (
    "The webhook is `unverified` and told nothing until it proves that it wants to be: it is sent a signed"
    " `webhook.verification` and answers 2xx with its `data.challenge` as the body (as plain text, or as"
    ' `{"challenge": "…"}`). What happens meanwhile waits. At another URL it has to prove itself again.'
)
Change = Callable[[Connection, Endpoint, datetime], Awaitable[Endpoint]]


@router.post(
    PREFIX,
    status_code=201,
    response_model=WebhookWithSecret,
    openapi_extra=takes(
        RegisterWebhook,
        versioned=False,
        refusing=("already_exists", "too_many_endpoints", *URL_PROBLEMS),
    ),
    summary="Register a webhook; the answer shows its secret, once",
    description=PROOF,
)
async def register_webhook(request: Request, asker: Asker) -> Response:
    wish = await body_of(request, RegisterWebhook)
    check(request, asker, wish)
    endpoint_id = wish.endpoint_id or new_id()

    async def work(connection: Connection, now: datetime) -> Answer:
        try:
            made = await endpoints.register(
                connection,
                request.app.state.sealer,
                org_id=asker.org_id,
                endpoint_id=endpoint_id,
                registered_by=asker.actor,
                wanted=wanted_of(wish),
                endpoints_max=request.app.state.settings.webhooks_endpoints_max,
                is_trusted=is_trusted(request),
                now=now,
            )
            await challenge_if_unproved(connection, asker, made.endpoint, now)
        except endpoints.EndpointExists as error:
            raise Problem(409, "already_exists") from error
        except endpoints.TooManyEndpoints as error:
            raise Problem(409, "too_many_endpoints") from error
        return answered(
            WebhookWithSecret.made(made),
            status=201,
            version=made.endpoint.version,
            location=f"{PREFIX}/{endpoint_id}",
        )

    async def readmit(connection: Connection, kept: Answer) -> None:
        made_then = UUID(kept.headers["Location"].rpartition("/")[2])
        permitted(asker, await endpoints.remembered(connection, asker.org_id, made_then))

    return await once(request, asker, work, readmit)


@router.get(PREFIX, response_model=WebhookPage, summary="Webhooks you may manage")
async def list_webhooks(request: Request, asker: Asker, paging: Paging) -> Response:
    after = place(paging, UUID)
    store: Endpoints = request.app.state.endpoints
    rows = await store.page(
        asker.org_id, managed_projects(asker), after[0] if after else None, paging.limit + 1
    )
    page = listed(rows, paging.limit, lambda row: (str(row.endpoint_id),))
    forms = [WebhookForm.of(row) for row in page.rows]
    return page_answer(paging, forms, page.after, position_header(request.app.state.progress.position))


@router.get(PREFIX + "/{endpoint_id}", response_model=WebhookForm, summary="One webhook")
async def show_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    found = await managed(request, asker, endpoint_id)
    return shown(request, WebhookForm.of(found), found.version)


@router.get(PREFIX + "/{endpoint_id}/health", response_model=WebhookHealth, summary="How a webhook is doing")
async def show_webhook_health(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    found = await managed(request, asker, endpoint_id)
    return shown(request, WebhookHealth.model_validate(found))


@router.post(
    PREFIX + "/{endpoint_id}/revise",
    response_model=WebhookForm,
    openapi_extra=takes(ReviseWebhook, refusing=URL_PROBLEMS),
    summary="Change where a webhook goes and what it tells",
)
async def revise_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    wish = await body_of(request, ReviseWebhook)
    check(request, asker, wish)

    async def change(connection: Connection, found: Endpoint, now: datetime) -> Endpoint:
        revised = await endpoints.revise(connection, found, wanted_of(wish), is_trusted(request), now)
        if revised.url != found.url:
            await challenge_if_unproved(connection, asker, revised, now)
        return revised

    return await changed(request, asker, endpoint_id, change)


@router.post(
    PREFIX + "/{endpoint_id}/rotate-secret",
    response_model=WebhookWithSecret,
    openapi_extra=takes(RotateSecret, required=False),
    summary="Make a new secret; for a while the old one signs too",
)
async def rotate_webhook_secret(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    wish = await body_of(request, RotateSecret)

    async def work(connection: Connection, now: datetime) -> Answer:
        found = await locked(connection, request, asker, endpoint_id)
        overlap = timedelta(hours=wish.overlap_hours)
        made = await endpoints.rotate_secret(connection, request.app.state.sealer, found, overlap, now)
        return answered(WebhookWithSecret.made(made), version=made.endpoint.version)

    return await once_for_managers(request, asker, endpoint_id, work)


@router.post(
    PREFIX + "/{endpoint_id}/pause",
    response_model=WebhookForm,
    openapi_extra=takes(),
    summary="Hold everything back",
)
async def pause_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    return await changed(request, asker, endpoint_id, endpoints.pause)


@router.post(
    PREFIX + "/{endpoint_id}/resume",
    response_model=WebhookForm,
    openapi_extra=takes(),
    summary="Go on with what waits",
)
async def resume_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    return await changed(request, asker, endpoint_id, endpoints.resume)


@router.post(
    PREFIX + "/{endpoint_id}/retire",
    status_code=204,
    openapi_extra=takes(),
    summary="Never send anything there again",
)
async def retire_webhook(request: Request, asker: Asker, endpoint_id: UUID) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        found = await locked(connection, request, asker, endpoint_id)
        await endpoints.retire(connection, found, now)
        return Answer(204, b"")

    return await once_for_managers(request, asker, endpoint_id, work)


def is_trusted(request: Request) -> bool:
    """Whether endpoints need not prove themselves here."""
    return not request.app.state.settings.webhooks_challenged


async def challenge_if_unproved(
    connection: Connection, asker: Caller, endpoint: Endpoint, now: datetime
) -> None:
    if endpoint.verified_at is None:
        await challenged(connection, asker, endpoint, now)


async def challenged(connection: Connection, asker: Caller, endpoint: Endpoint, now: datetime) -> Delivery:
    """Send a challenge; raises `Problem` 429 where an organization sends very many."""
    try:
        return await challenge(connection, asker.org_id, endpoint.endpoint_id, asker.actor, now)
    except TooManyChallenges as error:
        raise Problem(429, "too_many_requests", headers={"Retry-After": "60"}) from error


def check(request: Request, asker: Caller, wish: ReviseWebhook) -> None:
    """Raise `Problem` unless the caller may have a webhook tell this, and it may go there."""
    require_manager(asker, wish.project_id)
    try:
        check_url(request.app.state.settings.egress, wish.url)
    except RefusedDestination as error:
        fault = {"pointer": "/url", "code": error.code, "detail": error.detail}
        raise Problem(422, error.code, error.detail, extra={"errors": [fault]}) from error


def wanted_of(wish: ReviseWebhook) -> Wanted:
    return Wanted(
        url=wish.url,
        description=wish.description,
        project_id=wish.project_id,
        kinds=sorted(set(wish.kinds)),
        include_imported=wish.include_imported,
        since_position=wish.since_position or 0,
    )


def require_manager(asker: Caller, project_id: UUID | None) -> None:
    authorize(asker, Action.MANAGE, project_id)


def managed_projects(asker: Caller) -> list[UUID] | None:
    """Projects whose webhooks the caller manages; `None`: all of the organization."""
    if Action.MANAGE in actions(asker, None):
        return None
    return [project_id for project_id in asker.project_roles if Action.MANAGE in actions(asker, project_id)]


async def managed(request: Request, asker: Caller, endpoint_id: UUID) -> Endpoint:
    """A webhook the caller may manage; to everybody else it does not exist."""
    store: Endpoints = request.app.state.endpoints
    return permitted(asker, await store.one(asker.org_id, endpoint_id))


def permitted(asker: Caller, found: Endpoint | None) -> Endpoint:
    if found is None or Action.MANAGE not in actions(asker, found.project_id):
        raise not_found()
    return found


async def locked(connection: Connection, request: Request, asker: Caller, endpoint_id: UUID) -> Endpoint:
    """The webhook, locked, in the version the request was decided on."""
    found = permitted(asker, await endpoints.locked(connection, asker.org_id, endpoint_id))
    require_version(request, asker, found.version)
    return found


async def changed(request: Request, asker: Caller, endpoint_id: UUID, change: Change) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        found = await change(connection, await locked(connection, request, asker, endpoint_id), now)
        return answered(WebhookForm.of(found), version=found.version)

    return await once_for_managers(request, asker, endpoint_id, work)


async def once_for_managers(request: Request, asker: Caller, endpoint_id: UUID, work: Work) -> Response:
    """Run a command on a webhook, or answer it again to who may manage the webhook now."""

    async def readmit(connection: Connection, kept: Answer) -> None:
        permitted(asker, await endpoints.remembered(connection, asker.org_id, endpoint_id))

    return await once(request, asker, work, readmit)

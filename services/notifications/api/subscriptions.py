"""What a person asks to be told."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from libs.access.authorize import Action, authorize, not_found
from libs.chassis.identity import Caller
from libs.chassis.ids import new_id
from libs.chassis.problems import Problem
from libs.chassis.sessions import Connection
from services.notifications import subscriptions
from services.notifications.api.asking import (
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
from services.notifications.api.forms import (
    KindsForm,
    ReviseSubscription,
    Subscribe,
    SubscriptionForm,
    SubscriptionPage,
)
from services.notifications.matching import known_kinds
from services.notifications.once import Answer
from services.notifications.subscriptions import Subscription, Wish

PREFIX = "/v1/notifications/subscriptions"
router = APIRouter(tags=["subscriptions"])


@router.get("/v1/notifications/kinds", response_model=KindsForm, summary="Kinds of event one can ask for")
async def list_kinds(asker: Asker) -> Response:
    return Response(KindsForm(kinds=known_kinds()).model_dump_json(), media_type="application/json")


@router.post(
    PREFIX,
    status_code=201,
    response_model=SubscriptionForm,
    openapi_extra=takes(
        Subscribe, versioned=False, refusing=("nothing_named", "already_exists", "too_many_subscriptions")
    ),
    summary="Subscribe to a project, an entity or kinds of event",
)
async def subscribe(request: Request, asker: Asker) -> Response:
    wish = await body_of(request, Subscribe)
    check(asker, wish)
    subscription_id = wish.subscription_id or new_id()

    async def work(connection: Connection, now: datetime) -> Answer:
        try:
            made = await subscriptions.subscribe(
                connection, asker.org_id, asker.actor, subscription_id, wish_of(wish), now
            )
        except subscriptions.SubscriptionExists as error:
            raise Problem(409, "already_exists") from error
        except subscriptions.TooManySubscriptions as error:
            raise Problem(409, "too_many_subscriptions") from error
        return subscription_answer(made, status=201)

    return await once(request, asker, work)


@router.get(PREFIX, response_model=SubscriptionPage, summary="Your subscriptions")
async def list_subscriptions(
    request: Request,
    asker: Asker,
    paging: Paging,
    project_id: Annotated[list[UUID] | None, Query()] = None,
) -> Response:
    after = place(paging, UUID)
    store: subscriptions.Subscriptions = request.app.state.subscriptions
    rows = await store.page(
        asker.org_id, asker.actor, project_id or [], after[0] if after else None, paging.limit + 1
    )
    page = listed(rows, paging.limit, lambda row: (str(row.subscription_id),))
    return page_answer(
        paging,
        [SubscriptionForm.model_validate(row) for row in page.rows],
        page.after,
        position_header(request.app.state.progress.position),
    )


@router.get(
    PREFIX + "/{subscription_id}",
    response_model=SubscriptionForm,
    summary="One of your subscriptions",
)
async def show_subscription(request: Request, asker: Asker, subscription_id: UUID) -> Response:
    store: subscriptions.Subscriptions = request.app.state.subscriptions
    found = await store.one(asker.org_id, asker.actor, subscription_id)
    if found is None:
        raise not_found()
    return shown(request, SubscriptionForm.model_validate(found), found.version)


@router.post(
    PREFIX + "/{subscription_id}/revise",
    response_model=SubscriptionForm,
    openapi_extra=takes(ReviseSubscription, refusing=("nothing_named",)),
    summary="Ask for something else from now on",
)
async def revise_subscription(request: Request, asker: Asker, subscription_id: UUID) -> Response:
    wish = await body_of(request, ReviseSubscription)
    check(asker, wish)

    async def work(connection: Connection, now: datetime) -> Answer:
        found = await own(connection, request, asker, subscription_id)
        return subscription_answer(await subscriptions.revise(connection, found, wish_of(wish), now))

    return await once(request, asker, work)


@router.post(
    PREFIX + "/{subscription_id}/end", status_code=204, openapi_extra=takes(), summary="Be told no more"
)
async def end_subscription(request: Request, asker: Asker, subscription_id: UUID) -> Response:
    async def work(connection: Connection, now: datetime) -> Answer:
        await subscriptions.end(connection, await own(connection, request, asker, subscription_id))
        return Answer(204, b"")

    return await once(request, asker, work)


def check(asker: Caller, wish: ReviseSubscription) -> None:
    """Raise `Problem` unless the wish names something, and only what the caller may see."""
    if wish.project_id is None and wish.stream is None and not wish.kinds:
        raise Problem(422, "nothing_named")
    if wish.project_id is not None:
        authorize(asker, Action.READ, wish.project_id)


def wish_of(wish: ReviseSubscription) -> Wish:
    return Wish(
        project_id=wish.project_id,
        kinds=sorted(set(wish.kinds)),
        stream=wish.stream,
        mute_own=wish.mute_own,
        include_imported=wish.include_imported,
        since_position=wish.since_position or 0,
    )


async def own(connection: Connection, request: Request, asker: Caller, subscription_id: UUID) -> Subscription:
    """The caller's subscription, locked, in the version the request was decided on."""
    found = await subscriptions.locked(connection, asker.org_id, asker.actor, subscription_id)
    if found is None:
        raise not_found()
    require_version(request, asker, found.version)
    return found


def subscription_answer(subscription: Subscription, status: int = 200) -> Answer:
    return answered(
        SubscriptionForm.model_validate(subscription),
        status=status,
        version=subscription.version,
        location=f"{PREFIX}/{subscription.subscription_id}" if status == 201 else None,
    )

"""A webhook is given to another project: what it was told of others before is not for those who manage it now."""

from typing import Any
from uuid import UUID

from httpx2 import AsyncClient

from services.notifications.channels.webhooks import endpoints
from services.notifications.channels.webhooks.endpoints import Endpoint, Wanted
from services.notifications.channels.webhooks.recording import Recorded
from services.notifications.channels.webhooks.retrying import RetryPolicy
from tests.support.notifications import receiver as receivers
from tests.support.notifications.events import ORGANIZATION, OTHER_PROJECT, PROJECT
from tests.support.notifications.surface import SOMEBODY_ELSE, Service, commented
from tests.support.notifications.world import World, comment, ids_of


async def revised(client: AsyncClient, world: World, path: str, **wish: Any) -> None:
    answer = await client.post(f"{path}/revise", json={"url": world.receiver.url(), **wish})
    assert answer.status_code == 200, answer.text


async def given_to(world: World, endpoint: Endpoint, project_id: UUID | None) -> None:
    async with world.organizations.transaction(ORGANIZATION) as connection:
        found = await endpoints.locked(connection, ORGANIZATION, endpoint.endpoint_id)
        assert found is not None
        wanted = Wanted(url=found.url, project_id=project_id)
        await endpoints.revise(connection, found, wanted, True, world.clock())


async def test_managers_see_and_resend_what_is_of_the_project_the_webhook_has_now(
    world: World, service: Service, owner: AsyncClient
) -> None:
    made = (await owner.post("/webhooks", json={"url": world.receiver.url()})).json()
    path = f"/webhooks/{made['endpoint_id']}"
    ours = await commented(world, service)
    others = [await commented(world, service, project_id=each) for each in (OTHER_PROJECT, None)]
    await world.deliver()
    test = (await owner.post(f"{path}/test")).json()["event_id"]
    await world.deliver()
    await revised(owner, world, path, project_id=str(PROJECT))

    async with service.client(SOMEBODY_ELSE, projects={PROJECT: "manager"}) as manager:
        listed = (await manager.get(f"{path}/deliveries")).json()["items"]
        assert {delivery["event_id"] for delivery in listed} == {ours, test}
        for event_id in others:
            assert (await manager.get(f"{path}/deliveries/{event_id}")).status_code == 404
            assert (await manager.post(f"{path}/deliveries/{event_id}/resend")).status_code == 404
        again = await manager.post(f"{path}/resend", json={"since_position": 0})
        assert again.json() == {"resent": 1, "has_more": False}
        assert (await manager.get(f"{path}/deliveries/{ours}")).status_code == 200
        assert (await manager.post(f"{path}/deliveries/{ours}/resend")).status_code == 202
    await world.deliver()
    assert world.receiver.ids() == [ours, *others, test, ours]

    await revised(owner, world, path)
    listed = (await owner.get(f"{path}/deliveries")).json()["items"]
    assert {delivery["event_id"] for delivery in listed} == {ours, *others, test}
    assert (await owner.post(f"{path}/deliveries/{others[0]}/resend")).status_code == 202


async def test_what_waits_and_is_of_another_project_is_sent_only_if_somebody_asks_for_it(
    world: World, service: Service, owner: AsyncClient
) -> None:
    made = (await owner.post("/webhooks", json={"url": world.receiver.url()})).json()
    path = f"/webhooks/{made['endpoint_id']}"
    other = await commented(world, service, project_id=OTHER_PROJECT)
    of_none, ours = await commented(world, service, project_id=None), await commented(world, service)

    await revised(owner, world, path, project_id=str(PROJECT))
    await world.deliver()
    assert world.receiver.ids() == [ours]
    assert [state for _, state, *_ in await world.states()] == ["parked", "parked", "delivered"]

    await revised(owner, world, path)
    await world.deliver()
    assert world.receiver.ids() == [ours]
    assert (await owner.post(f"{path}/resend", json={"since_position": 0})).json()["resent"] == 3
    await world.deliver()
    assert world.receiver.ids() == [ours, other, of_none, ours]


async def test_what_fails_while_its_webhook_is_given_away_is_not_tried_again(world: World) -> None:
    endpoint = await world.register()
    await world.tell(comment(world, project_id=OTHER_PROJECT))
    world.receiver.answer = receivers.status(500)
    (claim,) = await world.delivering.claim()
    await given_to(world, endpoint, PROJECT)

    assert await world.delivering.deliver(claim) is Recorded.PARKED
    world.clock.move(days=1)
    assert await world.deliver() == []


async def test_what_was_skipped_is_not_announced_to_those_it_is_not_for(world: World) -> None:
    world.delivering.policy = RetryPolicy(block_seconds_max=0)
    endpoint = await world.register()
    skipped = comment(world, project_id=OTHER_PROJECT)
    await world.tell(skipped)
    world.receiver.answer = receivers.status(500)
    assert await world.deliver() == [Recorded.RETRIED]
    assert (await world.states())[0][1:3] == ("pending", "side")
    await given_to(world, endpoint, PROJECT)

    world.receiver.answer = receivers.OK
    ours = comment(world)
    await world.tell(ours)
    await world.deliver()
    assert world.receiver.ids()[-1:] == ids_of(ours)
    assert "skipped" not in world.receiver.receipts[-1].event

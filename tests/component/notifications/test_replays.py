"""What was answered once is answered again to who may still have it, and to nobody who lost the role meanwhile."""

from typing import Any

from httpx2 import AsyncClient, Response

from tests.support.notifications.events import OTHER_PROJECT, PROJECT
from tests.support.notifications.surface import SOMEBODY_ELSE, VIEWING, Service, commented
from tests.support.notifications.world import World

PREFIX = "/v1/notifications"
MANAGING = {PROJECT: "manager"}


class Commands:
    """Every command on one webhook, each under a key of its own; the last one retires it."""

    def __init__(self, world: World, endpoint_id: str, event_id: str) -> None:
        self._of_webhook = {"endpoint_id": endpoint_id, "event_id": event_id}
        wish = {"url": world.receiver.url(), "project_id": str(PROJECT)}
        self.bodies: dict[str, Any] = {
            "/webhooks/{endpoint_id}/revise": wish,
            "/webhooks/{endpoint_id}/rotate-secret": {},
            "/webhooks/{endpoint_id}/pause": None,
            "/webhooks/{endpoint_id}/resume": None,
            "/webhooks/{endpoint_id}/test": None,
            "/webhooks/{endpoint_id}/verify": None,
            "/webhooks/{endpoint_id}/resend": {"since_position": 0},
            "/webhooks/{endpoint_id}/deliveries/{event_id}/resend": None,
            "/webhooks/{endpoint_id}/retire": None,
        }

    async def said_by(self, client: AsyncClient) -> dict[str, Response]:
        """The answer to each of them, said in this order."""
        return {
            path: await client.post(
                path.format(**self._of_webhook), json=body, headers={"Idempotency-Key": path}
            )
            for path, body in self.bodies.items()
        }


async def commands_on_a_webhook(world: World, service: Service, manager: AsyncClient) -> Commands:
    wish = {"url": world.receiver.url(), "project_id": str(PROJECT)}
    made = (await manager.post("/webhooks", json=wish, headers={"Idempotency-Key": "register"})).json()
    return Commands(world, made["endpoint_id"], await commented(world, service))


def posted_to_webhooks(service: Service) -> set[str]:
    paths = service.app.openapi()["paths"]
    return {
        path.removeprefix(PREFIX)
        for path, operations in paths.items()
        if path.startswith(f"{PREFIX}/webhooks/") and "post" in operations
    }


async def test_who_manages_a_webhook_no_more_is_not_told_again_what_they_were_told(
    world: World, service: Service
) -> None:
    async with service.client(SOMEBODY_ELSE, projects=MANAGING) as manager:
        commands = await commands_on_a_webhook(world, service, manager)
        first = await commands.said_by(manager)
        again = await commands.said_by(manager)
    async with service.client(SOMEBODY_ELSE, projects=VIEWING) as viewer:
        refused = await commands.said_by(viewer)

    assert set(commands.bodies) == posted_to_webhooks(service)
    assert {path: (answer.status_code, answer.content) for path, answer in again.items()} == {
        path: (answer.status_code, answer.content) for path, answer in first.items()
    }
    assert {answer.headers["idempotency-replayed"] for answer in again.values()} == {"true"}
    expected = {path: 403 if path.endswith("/revise") else 404 for path in commands.bodies}
    assert {path: answer.status_code for path, answer in refused.items()} == expected
    assert not any("secret" in answer.json() for answer in refused.values())


async def test_the_secret_of_a_webhook_that_went_to_another_project_is_not_told_again(
    world: World, service: Service, owner: AsyncClient
) -> None:
    wish = {"url": world.receiver.url(), "project_id": str(PROJECT)}
    key = {"Idempotency-Key": "register"}
    async with service.client(SOMEBODY_ELSE, projects=MANAGING) as manager:
        made = await manager.post("/webhooks", json=wish, headers=key)
        elsewhere = {**wish, "project_id": str(OTHER_PROJECT)}
        await owner.post(f"/webhooks/{made.json()['endpoint_id']}/revise", json=elsewhere)
        again = await manager.post("/webhooks", json=wish, headers=key)

    assert (made.status_code, again.status_code, again.json()["code"]) == (201, 404, "not_found")

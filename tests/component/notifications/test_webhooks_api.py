"""Webhooks over HTTP: managed by those who may, with secrets that are shown once."""

from typing import Any
from uuid import UUID

from httpx2 import AsyncClient

from tests.support.notifications.events import OTHER_PROJECT, PROJECT
from tests.support.notifications.surface import PERSON, SOMEBODY_ELSE, VIEWING, Service, commented
from tests.support.notifications.world import World


async def registered(client: AsyncClient, world: World, **wish: Any) -> dict[str, Any]:
    answer = await client.post("/webhooks", json={"url": world.receiver.url(), **wish})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    world.receiver.secrets["/hooks"] = made["secret"]
    return made


async def test_a_webhook_is_registered_delivers_and_shows_its_log(
    world: World, service: Service, owner: AsyncClient
) -> None:
    made = await registered(owner, world, kinds=["issue.*"])
    event_id = await commented(world, service)
    await world.deliver()

    (delivery,) = (await owner.get(f"/webhooks/{made['endpoint_id']}/deliveries")).json()["items"]
    assert (delivery["webhook_id"], delivery["state"], delivery["attempts"]) == (event_id, "delivered", 1)
    shown = (await owner.get(f"/webhooks/{made['endpoint_id']}/deliveries/{event_id}")).json()
    assert [(attempt["outcome"], attempt["status"]) for attempt in shown["tried"]] == [("delivered", 204)]
    health = (await owner.get(f"/webhooks/{made['endpoint_id']}/health")).json()
    assert (health["failures_in_row"], health["succeeded_at"] is not None) == (0, True)

    again = await owner.post(f"/webhooks/{made['endpoint_id']}/deliveries/{event_id}/resend")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    since = await owner.post(f"/webhooks/{made['endpoint_id']}/resend", json={"since_position": 0})
    assert since.json() == {"resent": 1, "has_more": False}
    test = await owner.post(f"/webhooks/{made['endpoint_id']}/test")
    assert test.status_code == 202
    await world.deliver()
    assert sorted(world.receiver.ids()[1:]) == sorted([event_id, test.json()["event_id"]])


async def test_a_secret_is_shown_when_it_is_made_and_never_again(
    world: World, service: Service, owner: AsyncClient
) -> None:
    made = await registered(owner, world)
    path = f"/webhooks/{made['endpoint_id']}"
    rotated = (await owner.post(f"{path}/rotate-secret")).json()
    assert made["secret"].startswith("whsec_")
    assert rotated["secret"] not in ("", made["secret"])

    for secret in (made["secret"], rotated["secret"]):
        for asked in (path, "/webhooks", f"{path}/health", f"{path}/deliveries"):
            assert secret not in (await owner.get(asked)).text
        async with world.database.connection() as connection:
            for table in ("webhook_endpoints", "idempotency_keys"):
                stored = await connection.fetchval(f"select json_agg({table})::text from {table}")
                raw = await connection.fetchval(
                    "select string_agg(encode(secret_box, 'escape'), '') from webhook_endpoints"
                )
                assert secret not in (stored or "") + raw


async def test_registering_again_with_the_same_key_shows_the_same_secret(
    world: World, owner: AsyncClient
) -> None:
    wish, key = {"url": world.receiver.url()}, {"Idempotency-Key": "hook"}
    first = await owner.post("/webhooks", json=wish, headers=key)
    again = await owner.post("/webhooks", json=wish, headers=key)

    assert again.content == first.content
    async with world.database.connection() as connection:
        kept = await connection.fetchval("select body_box from idempotency_keys")
    assert first.json()["secret"].encode() not in kept


async def test_a_webhook_is_paused_resumed_revised_and_retired(
    world: World, service: Service, owner: AsyncClient
) -> None:
    made = await registered(owner, world)
    path = f"/webhooks/{made['endpoint_id']}"
    assert (await owner.post(f"{path}/pause")).json()["state"] == "paused"
    event_id = await commented(world, service)
    assert await world.deliver() == []
    assert (await owner.post(f"{path}/test")).status_code == 409
    assert (await owner.post(f"{path}/resume")).json()["state"] == "active"
    await world.deliver()
    assert world.receiver.ids() == [event_id]

    revised = await owner.post(f"{path}/revise", json={"url": world.receiver.url(), "kinds": ["milestone.*"]})
    assert (revised.json()["version"], revised.json()["kinds"]) == (4, ["milestone.*"])
    await commented(world, service)
    assert await world.deliver() == []
    assert (await owner.post(f"{path}/retire")).status_code == 204
    assert (await owner.get(path)).status_code == 404
    assert (await owner.post(f"{path}/resume")).status_code == 404


async def test_a_webhook_may_not_go_inside(owner: AsyncClient) -> None:
    answer = await owner.post("/webhooks", json={"url": "https://169.254.169.254/latest/meta-data"})

    assert (answer.status_code, answer.json()["code"]) == (422, "address_not_public")
    assert "169.254" not in answer.json()["detail"]


async def test_an_organization_has_so_many_webhooks_and_no_more(world: World, owner: AsyncClient) -> None:
    for _ in range(5):
        await registered(owner, world)

    answer = await owner.post("/webhooks", json={"url": world.receiver.url()})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")


async def test_webhooks_belong_to_managers_of_their_project_and_to_nobody_else(
    world: World, service: Service, owner: AsyncClient
) -> None:
    wish = {"url": world.receiver.url(), "project_id": str(PROJECT)}
    async with service.client(SOMEBODY_ELSE, projects={PROJECT: "manager"}) as manager:
        made = (await manager.post("/webhooks", json=wish)).json()
        path = f"/webhooks/{made['endpoint_id']}"
        assert (await manager.get(path)).status_code == 200
        assert (await manager.post("/webhooks", json={"url": wish["url"]})).status_code == 403
        elsewhere = {**wish, "project_id": str(OTHER_PROJECT)}
        assert (await manager.post("/webhooks", json=elsewhere)).status_code == 404
        assert (await manager.post(f"{path}/revise", json=elsewhere)).status_code == 404
    assert (await owner.get(path)).status_code == 200

    others = [
        service.client(PERSON, projects=VIEWING),
        service.client(PERSON, projects={PROJECT: "contributor"}),
        service.client(PERSON, org_role="member"),
        service.client(PERSON, org_role="auditor"),
        service.client(PERSON, org_id=UUID(int=2), org_role="owner"),
        service.client(PERSON, projects={OTHER_PROJECT: "manager"}),
    ]
    for other in others:
        async with other as client:
            assert (await client.get("/webhooks")).json()["items"] == []
            for asked in (path, f"{path}/health", f"{path}/deliveries", f"{path}/deliveries/{PERSON}"):
                assert (await client.get(asked)).status_code == 404
            for verb in ("pause", "resume", "retire", "rotate-secret", "test"):
                assert (await client.post(f"{path}/{verb}")).status_code == 404


async def test_somebody_who_sends_too_many_tests_is_asked_to_wait(world: World, owner: AsyncClient) -> None:
    made = await registered(owner, world)
    answers = [await owner.post(f"/webhooks/{made['endpoint_id']}/test") for _ in range(11)]

    assert [answer.status_code for answer in answers] == [202] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "60"

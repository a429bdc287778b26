"""Programs act with keys: within their scopes, where they reach, until they end."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest

from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_members import ANN, join, propose
from tests.support.eventually import eventually


def key_client(template: httpx.AsyncClient, secret: str) -> httpx.AsyncClient:
    template.headers["Authorization"] = f"Bearer {secret}"
    return template


async def issue(owner: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await owner.post("/v1/api-keys", json={"name": "Nightly report", "scopes": ["read"], **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_key_is_told_once_and_its_hash_never(founded: Clients) -> None:
    owner = founded(OWNER)
    issued = await issue(owner, api_key_id=str(uuid4()))

    assert re.fullmatch(r"mpk_[0-9a-f]{64}_[0-9a-f]{64}", issued["secret"])
    shown = await owner.get(f"/v1/api-keys/{issued['api_key_id']}")
    del issued["secret"]
    assert shown.json() == {**issued, "last_used_at": None}
    assert "hash" not in shown.text


async def test_the_same_request_does_not_tell_the_secret_again(founded: Clients) -> None:
    owner = founded(OWNER)
    body = {"name": "Nightly report", "scopes": ["read"], "api_key_id": str(uuid4())}
    first = await owner.post("/v1/api-keys", json=body, headers={"Idempotency-Key": "one"})
    again = await owner.post("/v1/api-keys", json=body, headers={"Idempotency-Key": "one"})

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {name: value for name, value in first.json().items() if name != "secret"}


@pytest.mark.parametrize(
    ("scopes", "read", "hold"),
    [(["read"], 200, 403), (["read", "manage"], 200, 200), (["manage"], 404, 200)],
)
async def test_a_key_does_what_its_scopes_say(
    founded: Clients, scopes: list[str], read: int, hold: int
) -> None:
    owner = founded(OWNER)
    path = f"/v1/projects/{await propose(owner)}"
    program = key_client(founded(OWNER), (await issue(owner, scopes=scopes))["secret"])

    assert (await program.get(path)).status_code == read
    assert (await program.post(f"{path}/put-on-hold", json={"reason": "Budget"})).status_code == hold
    assert (
        await program.post("/v1/members", json={"member_id": str(UUID(int=9)), "role": "member"})
    ).status_code == 403


async def test_a_key_reaches_its_projects_and_no_other(founded: Clients) -> None:
    owner = founded(OWNER)
    reached, other = await propose(owner), await propose(owner)
    program = key_client(founded(OWNER), (await issue(owner, project_ids=[reached]))["secret"])

    assert (await program.get(f"/v1/projects/{reached}")).status_code == 200
    foreign, random = await program.get(f"/v1/projects/{other}"), await program.get(f"/v1/projects/{uuid4()}")
    assert (foreign.status_code, random.status_code) == (404, 404)


async def test_a_key_for_a_project_that_does_not_exist_is_not_issued(founded: Clients) -> None:
    answer = await founded(OWNER).post(
        "/v1/api-keys", json={"name": "Report", "scopes": ["read"], "project_ids": [str(uuid4())]}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "project_unknown")


async def test_a_revoked_key_opens_nothing(founded: Clients) -> None:
    owner = founded(OWNER)
    issued = await issue(owner)
    path = f"/v1/projects/{await propose(owner)}"
    program = key_client(founded(OWNER), issued["secret"])
    assert (await program.get(path)).status_code == 200

    await owner.post(f"/v1/api-keys/{issued['api_key_id']}/revoke", json={})

    async def refused() -> None:
        assert (await program.get(path)).status_code == 401

    await eventually(refused)


async def test_an_expired_key_opens_nothing(founded: Clients) -> None:
    owner = founded(OWNER)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    program = key_client(founded(OWNER), (await issue(owner, expires_at=yesterday))["secret"])

    assert (await program.get(f"/v1/projects/{await propose(owner)}")).status_code == 401


@pytest.mark.parametrize(("overlap", "status"), [(timedelta(hours=1), 200), (None, 401)])
async def test_the_former_secret_of_a_rotated_key_counts_as_long_as_was_said(
    founded: Clients, overlap: timedelta | None, status: int
) -> None:
    owner = founded(OWNER)
    path = f"/v1/projects/{await propose(owner)}"
    issued = await issue(owner)
    until = {"former_valid_until": (datetime.now(UTC) + overlap).isoformat()} if overlap else {}

    rotated = await owner.post(f"/v1/api-keys/{issued['api_key_id']}/rotate", json=until)

    assert rotated.json()["secret"] != issued["secret"]
    former, new = (key_client(founded(OWNER), each["secret"]) for each in (issued, rotated.json()))

    async def told_apart() -> None:
        assert (await new.get(path)).status_code == 200
        assert (await former.get(path)).status_code == status

    await eventually(told_apart)


async def test_who_may_not_see_keys_can_not_tell_one_from_none(founded: Clients) -> None:
    owner = founded(OWNER)
    issued = await issue(owner)
    await join(owner, ANN)

    for path in (f"/v1/api-keys/{issued['api_key_id']}", f"/v1/api-keys/{uuid4()}"):
        assert (await founded(ANN).get(path)).status_code == 403
        assert (await founded(ANN).post(f"{path}/revoke", json={})).status_code == 403
        assert (await founded(ANN).post(f"{path}/rotate", json={})).status_code == 403

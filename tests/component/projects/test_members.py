"""People get their roles by events, and lose them by events; the token only says who they are."""

from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest

from tests.component.projects.conftest import OWNER, Clients
from tests.support.eventually import eventually
from tests.support.recordings import ORGANIZATION

ANN, BOB = UUID(int=12), UUID(int=13)


@pytest.fixture
def grants_in_tokens() -> bool:
    return False


async def join(owner: httpx.AsyncClient, person: UUID, role: str = "member") -> httpx.Response:
    answer = await owner.post("/v1/members", json={"member_id": str(person), "role": role})
    assert answer.status_code == 201, answer.text
    return answer


async def give_role(who: httpx.AsyncClient, person: UUID, project_id: str, role: str) -> httpx.Response:
    return await who.post(f"/v1/members/{person}/join-project", json={"project_id": project_id, "role": role})


async def status_of(client: httpx.AsyncClient, path: str) -> int:
    return (await client.get(path)).status_code


async def becomes(client: httpx.AsyncClient, path: str, status: int) -> None:
    """Roles are looked up again after a second."""

    async def answered() -> None:
        assert await status_of(client, path) == status

    await eventually(answered)


async def propose(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/projects", json={"name": "Apollo"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["project_id"])


async def test_who_is_no_member_gets_in_nowhere_and_can_not_tell_organizations(founded: Clients) -> None:
    here = await founded(ANN).get(f"/v1/projects/{uuid4()}")
    nowhere = await founded(ANN, uuid4()).get(f"/v1/projects/{uuid4()}")

    assert (here.status_code, here.json()["code"]) == (403, "not_a_member")
    unique: dict[str, Any] = {"instance": "", "trace_id": ""}
    assert {**here.json(), **unique} == {**nowhere.json(), **unique}


async def test_a_member_who_proposes_a_project_manages_it(founded: Clients) -> None:
    await join(founded(OWNER), ANN)

    project_id = await propose(founded(ANN))

    planned = await founded(ANN).post("/v1/milestones", json={"project_id": project_id, "name": "Landing"})
    assert planned.status_code == 201
    member = (await founded(ANN).get(f"/v1/members/{ANN}")).json()
    assert member["project_roles"] == {project_id: "manager"}


async def test_a_role_in_a_project_opens_it_and_its_loss_closes_it(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    project_id = await propose(owner)
    path = f"/v1/projects/{project_id}"
    await join(owner, ANN)
    assert await status_of(ann, path) == 404

    await give_role(owner, ANN, project_id, "viewer")
    await becomes(ann, path, 200)
    assert (await ann.post(f"{path}/resume", json={})).status_code == 403

    left = await owner.post(f"/v1/members/{ANN}/leave-project", json={"project_id": project_id})
    assert left.json()["project_roles"] == {}
    await becomes(ann, path, 404)


async def test_a_manager_gives_roles_in_their_own_project_only(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN)
    await join(owner, BOB)
    others = await propose(owner)
    own = await propose(ann)

    assert (await give_role(ann, BOB, own, "contributor")).status_code == 200
    assert (await give_role(ann, BOB, others, "contributor")).status_code == 404
    assert (await ann.post(f"/v1/members/{BOB}/grant-role", json={"role": "admin"})).status_code == 403


async def test_who_leaves_the_organization_leaves_its_projects(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN)
    project_id = await propose(ann)

    left = await owner.post(f"/v1/members/{ANN}/leave", json={"reason": "Retired"})

    assert (left.json()["role"], left.json()["project_roles"]) == (None, {})
    await becomes(ann, f"/v1/projects/{project_id}", 403)
    assert (await join(owner, ANN)).json()["role"] == "member"
    await becomes(ann, f"/v1/projects/{project_id}", 404)


async def test_owners_are_made_and_unmade_by_other_owners_alone(founded: Clients) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN, "admin")

    made = await ann.post("/v1/members", json={"member_id": str(BOB), "role": "owner"})
    assert (made.status_code, made.json()["code"]) == (403, "forbidden")
    assert (await ann.post(f"/v1/members/{OWNER}/grant-role", json={"role": "member"})).status_code == 403
    assert (await ann.post(f"/v1/members/{OWNER}/leave", json={})).status_code == 403
    itself = await owner.post(f"/v1/members/{OWNER}/leave", json={})
    assert (itself.status_code, itself.json()["code"]) == (409, "owners_unmake_not_themselves")

    await join(owner, BOB, "owner")

    async def unmade() -> None:
        answer = await founded(BOB).post(f"/v1/members/{OWNER}/grant-role", json={"role": "member"})
        assert (answer.status_code, answer.json().get("role")) == (200, "member")

    await eventually(unmade)


async def test_a_policy_demands_the_version_that_was_seen(founded: Clients) -> None:
    owner = founded(OWNER)
    path = f"/v1/projects/{await propose(owner)}"
    adopted = await owner.post(
        f"/v1/organizations/{ORGANIZATION}/adopt-policy", json={"requires_if_match": True}
    )
    assert adopted.json()["requires_if_match"] is True

    async def demanded() -> None:
        answer = await owner.post(f"{path}/put-on-hold", json={"reason": "Budget"})
        assert (answer.status_code, answer.json().get("code")) == (428, "precondition_required")

    await eventually(demanded)
    seen = await owner.post(f"{path}/put-on-hold", json={"reason": "Budget"}, headers={"If-Match": '"1"'})
    assert seen.status_code == 200

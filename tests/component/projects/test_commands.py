"""Commands over HTTP: what is acknowledged is recorded once, what is refused is not, and every answer says why."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx

from tests.component.projects.conftest import Clients
from tests.support.recordings import ORGANIZATION

JSON = {"Content-Type": "application/json"}


async def propose(client: httpx.AsyncClient, **fields: Any) -> str:
    answer = await client.post("/v1/projects", json={"name": "Apollo", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["project_id"])


async def plan(client: httpx.AsyncClient, project_id: str, **fields: Any) -> httpx.Response:
    body = {"project_id": project_id, "name": "Moon landing", "target_on": "1969-07-20", **fields}
    return await client.post("/v1/milestones", json=body)


async def head(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.get(path)


async def test_a_created_resource_is_where_its_location_says(owner: httpx.AsyncClient) -> None:
    answer = await owner.post("/v1/projects", json={"name": "Apollo"})

    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["milepost-position"] == "1"
    shown = await owner.get(answer.headers["location"])
    assert shown.json() == answer.json()
    assert shown.headers["etag"] == '"1"'
    assert shown.json()["state"] == "proposed"


async def test_a_milestone_is_planned_committed_reforecast_and_achieved(owner: httpx.AsyncClient) -> None:
    project_id = await propose(owner)
    milestone = (await plan(owner, project_id)).json()
    path = f"/v1/milestones/{milestone['milestone_id']}"
    await owner.post(f"{path}/commit", json={})
    await owner.post(f"{path}/reforecast", json={"forecast_on": "1969-07-21", "reason": "Weather"})

    achieved = await owner.post(f"{path}/achieve", json={"achieved_on": "1969-07-21"})

    assert achieved.json() == {
        "milestone_id": milestone["milestone_id"],
        "version": 4,
        "project_id": project_id,
        "name": "Moon landing",
        "description": "",
        "state": "achieved",
        "target_on": "1969-07-20",
        "baseline_on": "1969-07-20",
        "forecast_on": "1969-07-21",
        "achieved_on": "1969-07-21",
        "baseline_count": 1,
        "reforecast_count": 1,
    }
    assert achieved.headers["milepost-position"] == "5"
    assert (await owner.get(path)).json() == achieved.json()


async def test_an_unchanged_resource_is_not_sent_again(owner: httpx.AsyncClient) -> None:
    path = f"/v1/projects/{await propose(owner)}"

    answer = await owner.get(path, headers={"If-None-Match": '"1"'})

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_command_on_a_stale_version_is_refused_with_the_current_one(owner: httpx.AsyncClient) -> None:
    path = f"/v1/projects/{await propose(owner)}"
    await owner.post(f"{path}/put-on-hold", json={"reason": "Budget"}, headers={"If-Match": '"1"'})

    stale = await owner.post(f"{path}/resume", json={}, headers={"If-Match": 'W/"1"'})

    assert stale.status_code == 412
    assert stale.json()["code"] == "stale_version"
    assert stale.json()["current_version"] == 2
    assert (await owner.get(path)).json()["state"] == "on_hold"


async def test_the_same_key_gives_the_same_answer_and_records_once(owner: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "propose-1"}
    first = await owner.post("/v1/projects", json={"name": "Apollo"}, headers=key)

    second = await owner.post("/v1/projects", json={"name": "Apollo"}, headers=key)
    other = await owner.post("/v1/projects", json={"name": "Gemini"}, headers=key)

    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert all(
        second.headers[name] == first.headers[name] for name in ("etag", "location", "milepost-position")
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_replay_comes_before_every_refusal(owner: httpx.AsyncClient) -> None:
    path = f"/v1/projects/{await propose(owner)}"
    headers = {"Idempotency-Key": "hold-1", "If-Match": '"1"'}
    first = await owner.post(f"{path}/put-on-hold", json={"reason": "Budget"}, headers=headers)
    await owner.post(f"{path}/resume", json={})
    await owner.post(f"{path}/cancel", json={"reason": "No budget"})

    again = await owner.post(f"{path}/put-on-hold", json={"reason": "Budget"}, headers=headers)

    assert (again.status_code, again.content) == (first.status_code, first.content)


async def test_who_lost_the_role_is_not_told_again_what_a_command_was_answered(
    owner: httpx.AsyncClient, clients: Clients
) -> None:
    actor, here, there = uuid4(), await propose(owner), await propose(owner)
    both = {UUID(here): "manager", UUID(there): "manager"}
    manager = clients(org_role="member", actor=actor, projects=both)
    raised = await manager.post("/v1/issues", json={"project_id": here, "title": "Leak"})
    path = f"/v1/issues/{raised.json()['issue_id']}/move"
    headers = {"Idempotency-Key": "move-1", "If-Match": '"1"'}
    moved = await manager.post(path, json={"project_id": there}, headers=headers)
    await owner.post(path, json={"project_id": here})
    again = await manager.post(path, json={"project_id": there}, headers=headers)
    await owner.post(f"/v1/projects/{there}/cancel", json={"reason": "No budget"})

    statuses = {}
    for role in ("manager", "viewer", None):
        projects = {UUID(here): "manager"} | ({UUID(there): role} if role else {})
        client = clients(org_role="member", actor=actor, projects=projects)
        statuses[role] = (await client.post(path, json={"project_id": there}, headers=headers)).status_code

    assert (moved.status_code, again.status_code, again.content) == (200, 200, moved.content)
    assert statuses == {"manager": 200, "viewer": 403, None: 404}


async def test_a_command_that_changes_nothing_is_remembered_by_its_key(owner: httpx.AsyncClient) -> None:
    project_id = await propose(owner)
    milestone = (await plan(owner, project_id)).json()
    path = f"/v1/milestones/{milestone['milestone_id']}/reforecast"
    same = {"forecast_on": "1969-07-20", "reason": "Looked again"}
    first = await owner.post(path, json=same, headers={"Idempotency-Key": "same-1"})
    await owner.post(path, json={"forecast_on": "1969-08-01", "reason": "Weather"})

    again = await owner.post(path, json=same, headers={"Idempotency-Key": "same-1"})

    assert first.json()["version"] == 1
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")


async def test_concurrent_commands_on_one_resource_are_all_recorded(owner: httpx.AsyncClient) -> None:
    project_id = await propose(owner)
    issue = (await owner.post("/v1/issues", json={"project_id": project_id, "title": "Leak"})).json()
    path = f"/v1/issues/{issue['issue_id']}/comment"

    answers = await asyncio.gather(
        *(owner.post(path, json={"text": f"Look {number}"}) for number in range(4))
    )

    assert [answer.status_code for answer in answers] == [200] * 4
    assert (await owner.get(f"/v1/issues/{issue['issue_id']}")).json()["comment_count"] == 4


async def test_a_rejection_says_which_rule_and_why(owner: httpx.AsyncClient) -> None:
    project_id = await propose(owner)
    milestone = (await plan(owner, project_id, target_on=None)).json()

    refused = await owner.post(f"/v1/milestones/{milestone['milestone_id']}/commit", json={})

    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert (problem["code"], problem["type"]) == ("forecast_missing", "/problems/forecast_missing")
    assert "a date that is named" in problem["detail"]
    assert (await owner.get(problem["type"])).status_code == 200


async def test_history_can_be_told_late_but_neither_out_of_order_nor_ahead(owner: httpx.AsyncClient) -> None:
    project_id = await propose(owner, effective_at="1961-05-25T20:00:00Z")
    milestone = (await plan(owner, project_id, effective_at="1962-01-01T00:00:00Z")).json()
    path = f"/v1/milestones/{milestone['milestone_id']}/reforecast"

    async def reforecast(effective_at: str) -> tuple[int, str | None]:
        body = {"forecast_on": "1969-07-16", "reason": "Later", "effective_at": effective_at}
        answer = await owner.post(path, json=body)
        return answer.status_code, answer.json().get("code")

    assert await reforecast("1961-12-31T23:59:59Z") == (409, "effective_before_last_change")
    assert await reforecast("2999-01-01T00:00:00Z") == (409, "effective_in_future")
    assert await reforecast("1962-01-01T00:00:00Z") == (200, None)


async def test_what_a_client_must_not_say_is_refused_without_echoing_it(owner: httpx.AsyncClient) -> None:
    for field in ("org_id", "actor", "version", "recorded_at", "role"):
        answer = await owner.post("/v1/projects", json={"name": "Apollo", field: "s3cret-value"})
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"pointer": f"/{field}", "code": "extra_forbidden", "detail": "Extra inputs are not permitted"}
        ]
        assert "s3cret-value" not in answer.text
    for body in (b"{", b"[]", b'{"name":1}', b'{"name":"\\u0000"}', b'{"name":"\xff"}', b'{"name":NaN}'):
        answer = await owner.post("/v1/projects", content=body, headers=JSON)
        assert answer.status_code in (400, 422), (body, answer.text)


async def test_who_may_not_see_a_project_can_not_tell_it_from_none(
    owner: httpx.AsyncClient, clients: Clients
) -> None:
    project_id = await propose(owner)
    stranger = clients(org_role="member")
    foreigner = clients(org_id=uuid4())

    for path in ("/v1/projects/{}", "/v1/projects/{}/put-on-hold"):
        for client in (stranger, foreigner):
            answers = []
            for entity_id in (project_id, str(uuid4())):
                url = path.format(entity_id)
                method = "POST" if url.endswith("hold") else "GET"
                answer = await client.request(
                    method, url, json={"reason": "Because"} if method == "POST" else None
                )
                problem = answer.json()
                problem.pop("trace_id")
                problem.pop("instance")
                answers.append((answer.status_code, problem))
            assert answers[0] == answers[1]
            assert answers[0][0] == 404


async def test_a_role_allows_what_it_should(owner: httpx.AsyncClient, clients: Clients) -> None:
    project_id = await propose(owner)
    statuses = {}
    for role in ("viewer", "stakeholder", "contributor", "manager"):
        client = clients(org_role="member", projects={UUID(project_id): role})
        issue = await client.post("/v1/issues", json={"project_id": project_id, "title": "Leak"})
        milestone = await plan(client, project_id)
        shown = await client.get(f"/v1/projects/{project_id}")
        statuses[role] = (shown.status_code, issue.status_code, milestone.status_code)
    assert statuses == {
        "viewer": (200, 403, 403),
        "stakeholder": (200, 403, 403),
        "contributor": (200, 201, 403),
        "manager": (200, 201, 201),
    }


async def test_nobody_gets_in_without_a_valid_token(clients: Clients) -> None:
    client = clients()
    for authorization in ("", "Bearer ", "Bearer nonsense", "Basic abc"):
        answer = await client.get(f"/v1/projects/{ORGANIZATION}", headers={"Authorization": authorization})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_document_describes_every_command(owner: httpx.AsyncClient) -> None:
    document = (await owner.get("/openapi.json")).json()

    assert "/v1/milestones/{milestone_id}/reforecast" in document["paths"]
    operations = [
        operation["operationId"] for path in document["paths"].values() for operation in path.values()
    ]
    assert len(operations) == len(set(operations)) > 25


async def test_a_body_that_says_something_twice_is_refused(owner: httpx.AsyncClient) -> None:
    answer = await owner.post("/v1/projects", content=b'{"name": "Apollo", "name": "Gemini"}', headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_what_a_command_refers_to_unseen_can_not_be_told_from_nothing(
    owner: httpx.AsyncClient, clients: Clients
) -> None:
    mine, hidden = await propose(owner), await propose(owner)
    secret = (await plan(owner, hidden)).json()["milestone_id"]
    raised = await owner.post("/v1/issues", json={"project_id": mine, "title": "Leak", "kind": "bug"})
    path = f"/v1/issues/{raised.json()['issue_id']}"
    manager = clients(org_role="member", projects={UUID(mine): "manager"}, actor=uuid4())

    for verb, bodies in (
        ("link", [link_to(each) for each in (secret, str(uuid4()))]),
        ("move", [{"project_id": str(each)} for each in (hidden, uuid4())]),
    ):
        answers = [await manager.post(f"{path}/{verb}", json=body) for body in bodies]
        assert answers[0].status_code in (404, 409)
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].json()["code"] == answers[1].json()["code"]
    assert (await owner.post(f"{path}/link", json=link_to(secret))).status_code == 200


def link_to(milestone_id: str) -> dict[str, str]:
    return {"relation": "delivers", "target": f"milestone-{milestone_id}"}

"""The access log as an auditor reads it: every denial and every decision over others, of their organization alone."""

import asyncio
from typing import Any

from deploy.local.programs import SERVICES
from deploy.local.stack import Stack
from tests.security.organizations import Clients, Organization, say
from tests.support.eventually import eventually

PATHS = {
    "projects": "/v1/access-log",
    "timeline": "/v1/timeline/access-log",
    "notifications": "/v1/notifications/access-log",
}


def entries(auditor: Clients, service: str, **parameters: Any) -> list[dict[str, Any]]:
    """Every entry of the service, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = auditor[service].get(PATHS[service], params={"limit": 50, **parameters, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def until_written(auditor: Clients, service: str, **expected: Any) -> dict[str, Any]:
    def is_there() -> dict[str, Any]:
        found = [each for each in entries(auditor, service) if expected.items() <= each.items()]
        assert found, expected
        return found[-1]

    return await eventually(lambda: asyncio.to_thread(is_there), seconds=20)


async def test_who_may_not_read_it_is_denied_and_stands_in_it(stack: Stack, ours: Organization) -> None:
    for service in SERVICES:
        answer = ours.people["viewer"][service].get(PATHS[service])
        assert answer.status_code == 403
        entry = await until_written(
            ours.people["auditor"],
            service,
            actor=str(ours.person_ids["viewer"]),
            operation=f"GET {PATHS[service]}",
        )
        assert (entry["kind"], entry["status"], entry["code"]) == ("denied", 403, "forbidden")
        assert entry["trace_id"] == answer.json()["trace_id"]


async def test_what_somebody_may_not_see_is_named_where_they_asked_for_it(
    stack: Stack, ours: Organization
) -> None:
    project_id = ours.hidden.ids["project_id"]
    assert ours.people["viewer"]["projects"].get(f"/v1/projects/{project_id}").status_code == 404
    entry = await until_written(ours.people["auditor"], "projects", target_id=project_id, status=404)
    assert entry["actor"] == str(ours.person_ids["viewer"])


async def test_a_decision_over_others_is_written_with_whom_it_is_about(
    stack: Stack, ours: Organization
) -> None:
    member_id = str(ours.person_ids["stakeholder"])
    say(ours.owner, "projects", f"members/{member_id}/grant-role", role="auditor")
    say(ours.owner, "projects", f"members/{member_id}/grant-role", role="member")
    entry = await until_written(
        ours.people["auditor"], "projects", kind="administrative", target_id=member_id, status=200
    )
    assert entry["actor"] == str(ours.person_ids["owner"])
    assert entry["operation"] == "POST /v1/members/{member_id}/grant-role"


async def test_an_operators_command_stands_under_their_name(stack: Stack, ours: Organization) -> None:
    entry = await until_written(ours.people["auditor"], "projects", operation="organization found")
    assert entry["operator"]
    assert entry["actor"] is None


async def test_nobody_reads_of_another_organization(
    stack: Stack, ours: Organization, theirs: Organization
) -> None:
    project_id = theirs.shared.ids["project_id"]
    assert ours.people["admin"]["projects"].get(f"/v1/projects/{project_id}").status_code == 404
    await until_written(ours.people["auditor"], "projects", target_id=project_id)
    own = {str(each) for each in theirs.person_ids.values()}
    for service in SERVICES:
        actors = {each["actor"] for each in entries(theirs.people["auditor"], service)}
        assert actors <= own | {None}


async def test_pages_of_one_are_the_same_as_one_page(stack: Stack, ours: Organization) -> None:
    everything = entries(ours.people["auditor"], "projects")
    before = {"before": everything[-1]["recorded_at"]}
    single = entries(ours.people["auditor"], "projects", limit=1, **before)
    assert single == entries(ours.people["auditor"], "projects", **before)
    assert single == everything[: len(single)]
    later = {"from": everything[1]["recorded_at"]}
    assert entries(ours.people["auditor"], "projects", **later)[0] == everything[1]

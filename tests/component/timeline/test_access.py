"""What somebody may not see is not there: of other organizations, and of projects they do not belong to."""

from typing import Any

import pytest

from tests.component.timeline.conftest import Timeline
from tests.support.history import an_id
from tests.support.random_history import RandomHistory

PATHS = (
    "/projects/{project}",
    "/projects/{project}/activity",
    "/projects/{project}/summary",
    "/milestones/{milestone}",
    "/milestones/{milestone}/history",
    "/milestones/{milestone}/trend",
    "/milestones/{milestone}/trend.svg",
    "/issues/{issue}",
    "/issues/{issue}/history",
    "/issues/{issue}/history.svg",
)


async def somewhere(timeline: Timeline) -> dict[str, str]:
    timeline.history.events[:] = RandomHistory(3, 120).events
    await timeline.tell()
    return {
        "project": str(RandomHistory(3, 1).project_ids[0]),
        "milestone": (await timeline.ask("/milestones"))["items"][0]["milestone_id"],
        "issue": (await timeline.ask("/issues"))["items"][0]["issue_id"],
    }


@pytest.mark.parametrize(
    "stranger",
    [{"org_id": an_id("another organization")}, {"org_role": "member"}, {"org_role": None}],
    ids=["another organization", "no member of the project", "no role at all"],
)
async def test_a_stranger_finds_nothing(timeline: Timeline, stranger: dict[str, Any]) -> None:
    ids = await somewhere(timeline)
    async with timeline.client(**stranger) as client:
        found = [await client.get(path.format(**ids)) for path in PATHS]
        unknown = await client.get(f"/issues/{an_id('nothing')}")
        lists = [(await client.get(path)).json()["items"] for path in ("/projects", "/milestones", "/issues")]
    assert {response.status_code for response in found} == {404}
    assert lists == [[], [], []]
    same = {"instance", "trace_id"}
    assert all(
        {k: v for k, v in response.json().items() if k not in same}
        == {k: v for k, v in unknown.json().items() if k not in same}
        for response in found
    )


async def test_a_member_sees_the_projects_they_belong_to(timeline: Timeline) -> None:
    ids = await somewhere(timeline)
    mine = RandomHistory(3, 1).project_ids[0]
    async with timeline.client("member", projects={mine: "viewer"}) as client:
        seen = {
            item["project_id"]
            for path in ("/projects", "/milestones", "/issues")
            for item in (await client.get(path, params={"limit": 200})).json()["items"]
        }
        own = await client.get(f"/projects/{ids['project']}")
    assert (seen, own.status_code) == ({str(mine)}, 200)


async def test_without_a_token_there_is_no_answer(timeline: Timeline) -> None:
    async with timeline.client() as client:
        response = await client.get("/projects", headers={"Authorization": ""})
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


async def test_two_organizations_may_have_the_same_ids(timeline: Timeline) -> None:
    ids = await somewhere(timeline)
    other = an_id("another organization")
    first = timeline.history.events[0]
    timeline.history.record("project", first.envelope.entity_id, first.data, org_id=other)
    await timeline.tell()
    async with timeline.client(org_id=other) as client:
        response = await client.get(f"/projects/{ids['project']}")
    assert response.json()["version"] == 1

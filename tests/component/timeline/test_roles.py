"""Where a token claims no roles, timeline knows them from the events it was told, a second later at most."""

from libs.access.projecting import AccessHandler
from libs.events.access import (
    MemberJoined,
    MemberLeft,
    OrganizationFounded,
    OrganizationRole,
    ProjectMemberJoined,
    ProjectRole,
)
from libs.events.portfolio import ProjectProposed
from tests.component.timeline.conftest import Timeline
from tests.support.eventually import eventually
from tests.support.history import SOMEBODY, an_id

PROJECT, OTHER = an_id("project"), an_id("another project")


async def tell(timeline: Timeline) -> None:
    """Tell the read models and the directory what is new."""
    already = timeline.told
    await timeline.tell()
    async with timeline.database.transaction() as connection:
        await AccessHandler().apply(connection, timeline.history.events[already:])


async def statuses(timeline: Timeline) -> list[int]:
    """What somebody who claims nothing is answered about the members, their project and another one."""
    async with timeline.client(org_role=None) as client:
        paths = ("/members", f"/projects/{PROJECT}", f"/projects/{OTHER}")
        return [(await client.get(path)).status_code for path in paths]


async def test_who_joins_sees_and_who_leaves_sees_nothing_any_more(timeline: Timeline) -> None:
    history = timeline.history
    history.record("organization", history.org_id, OrganizationFounded(name="Python"))
    for project_id in (PROJECT, OTHER):
        history.record("project", project_id, ProjectProposed(project_id=project_id, name="P"))
    await tell(timeline)
    assert await statuses(timeline) == [403, 404, 404]

    joined = MemberJoined(person_id=SOMEBODY, role=OrganizationRole.MEMBER)
    history.record("member", SOMEBODY, joined)
    in_project = ProjectMemberJoined(project_id=PROJECT, person_id=SOMEBODY, role=ProjectRole.VIEWER)
    history.record("member", SOMEBODY, in_project)
    await tell(timeline)
    await eventually(lambda: are(timeline, [200, 200, 404]))

    left = MemberLeft(person_id=SOMEBODY, role_before=OrganizationRole.MEMBER)
    history.record("member", SOMEBODY, left)
    await tell(timeline)
    await eventually(lambda: are(timeline, [403, 404, 404]))


async def are(timeline: Timeline, wanted: list[int]) -> None:
    found = await statuses(timeline)
    assert found == wanted

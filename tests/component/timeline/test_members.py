"""Who belonged where, as of any moment: the register, a project's members, and the keys, for those they concern."""

import json
from typing import Any
from uuid import UUID

import pytest

from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    MemberJoined,
    MemberLeft,
    OrganizationFounded,
    OrganizationRole,
    ProjectMemberJoined,
    ProjectMemberRoleGranted,
    ProjectRole,
    Scope,
)
from libs.events.portfolio import ProjectProposed
from services.projects.verifying.checks.history import texts_read
from services.projects.verifying.folding.reading import folded, kind_of
from services.projects.verifying.folding.state import State
from tests.component.timeline.conftest import Timeline
from tests.support.access_history import AccessHistory
from tests.support.history import an_id
from tests.support.proof import evidence

PROJECT, HIDDEN = an_id("project 0"), an_id("project 1")
GUIDO, BARRY, KEY = an_id("Guido"), an_id("Barry"), an_id("key")


async def tell_a_story(timeline: Timeline) -> None:
    """1 founded, 2-3 projects, 4-5 Guido joins and manages, 6 a key, 7-10 Barry joins both, 11 no key, 12 no Barry."""
    history = timeline.history
    history.record("organization", history.org_id, OrganizationFounded(name="Python"))
    for project_id in (PROJECT, HIDDEN):
        history.record("project", project_id, ProjectProposed(project_id=project_id, name="P"))
    history.record("member", GUIDO, MemberJoined(person_id=GUIDO, role=OrganizationRole.OWNER))
    joins(timeline, GUIDO, PROJECT, ProjectRole.MANAGER)
    issued = ApiKeyIssued(
        name="Import", secret_hash="5e" * 32, scopes=(Scope.READ, Scope.MANAGE), project_ids=(PROJECT,)
    )
    history.record("api_key", KEY, issued, actor=GUIDO)
    history.record("member", BARRY, MemberJoined(person_id=BARRY, role=OrganizationRole.MEMBER))
    joins(timeline, BARRY, PROJECT, ProjectRole.VIEWER)
    joins(timeline, BARRY, HIDDEN, ProjectRole.VIEWER)
    granted = ProjectMemberRoleGranted(
        project_id=PROJECT, person_id=BARRY, role=ProjectRole.CONTRIBUTOR, role_before=ProjectRole.VIEWER
    )
    history.record("member", BARRY, granted)
    history.record("api_key", KEY, ApiKeyRevoked(reason="leaked"))
    left = MemberLeft(person_id=BARRY, role_before=OrganizationRole.MEMBER, reason="retired")
    history.record("member", BARRY, left)
    await timeline.tell()


def joins(timeline: Timeline, person_id: UUID, project_id: UUID, role: ProjectRole) -> None:
    joined = ProjectMemberJoined(project_id=project_id, person_id=person_id, role=role)
    timeline.history.record("member", person_id, joined)


async def roles(timeline: Timeline, path: str = "/members", **parameters: Any) -> dict[str, str]:
    items = (await timeline.ask(path, **parameters))["items"]
    return {item["member_id"]: item["role"] for item in items}


async def test_the_register_is_what_it_was_at_any_moment(timeline: Timeline) -> None:
    await tell_a_story(timeline)
    assert await roles(timeline) == {str(GUIDO): "owner"}
    assert await roles(timeline, as_of=11) == {str(GUIDO): "owner", str(BARRY): "member"}
    assert await roles(timeline, as_of=6) == {str(GUIDO): "owner"}
    assert await roles(timeline, as_of=3) == {}
    assert await roles(timeline, effective_at="2030-01-01") == {str(GUIDO): "owner"}, (
        "whoever left is not told"
    )
    assert await roles(timeline, as_of=11, role="member") == {str(BARRY): "member"}
    (first, _) = (await timeline.ask("/members", as_of=11))["items"]
    assert first["project_roles"] == [{"project_id": str(PROJECT), "role": "manager"}]


async def test_the_members_of_a_project_are_those_who_had_a_role_in_it_then(timeline: Timeline) -> None:
    await tell_a_story(timeline)
    path = f"/projects/{PROJECT}/members"
    assert await roles(timeline, path) == {str(GUIDO): "manager"}
    assert await roles(timeline, path, as_of=8) == {str(GUIDO): "manager", str(BARRY): "viewer"}
    assert await roles(timeline, path, as_of=10) == {str(GUIDO): "manager", str(BARRY): "contributor"}
    assert await roles(timeline, path, as_of=10, role="contributor") == {str(BARRY): "contributor"}
    first = await timeline.ask(path, as_of=10, limit=1)
    rest = await timeline.ask(path, as_of=10, cursor=first["next_cursor"], limit=1)
    assert [page["items"][0]["member_id"] for page in (first, rest)] == [str(GUIDO), str(BARRY)]


async def test_keys_are_listed_without_anything_that_opens(timeline: Timeline) -> None:
    await tell_a_story(timeline)
    (key,) = (await timeline.ask("/api-keys", as_of=6))["items"]
    assert (key["name"], key["scopes"], key["project_ids"]) == ("Import", ["read", "manage"], [str(PROJECT)])
    assert (key["state"], key["issued_by"]) == ("active", str(GUIDO))
    assert (await timeline.ask("/api-keys", state="active"))["items"] == []
    assert "5e5e" not in json.dumps(await timeline.ask("/api-keys"))
    assert "5e5e" not in str([await timeline.rows(table) for table in ("api_keys", "api_key_changes")])


@pytest.mark.parametrize(
    ("asker", "statuses"),
    [
        ({"org_role": "admin"}, (200, 200, 200)),
        ({"org_role": "auditor"}, (200, 200, 200)),
        ({"org_role": "member", "projects": {PROJECT: "viewer"}}, (200, 200, 403)),
        ({"org_role": "member"}, (200, 404, 403)),
        ({"org_role": None, "projects": {PROJECT: "viewer"}}, (403, 200, 403)),
        ({"org_role": None}, (403, 404, 403)),
    ],
)
async def test_each_list_is_for_those_it_concerns(
    timeline: Timeline, asker: dict[str, Any], statuses: tuple[int, ...]
) -> None:
    await tell_a_story(timeline)
    async with timeline.client(**asker) as client:
        paths = ("/members", f"/projects/{PROJECT}/members", "/api-keys")
        assert tuple([(await client.get(path)).status_code for path in paths]) == statuses


async def test_another_organization_sees_none_of_it(timeline: Timeline) -> None:
    await tell_a_story(timeline)
    async with timeline.client("owner", org_id=an_id("another organization")) as client:
        lists = [(await client.get(path)).json()["items"] for path in ("/members", "/api-keys")]
        assert lists == [[], []]
        assert (await client.get(f"/projects/{PROJECT}/members")).status_code == 404


async def test_roles_in_projects_are_shown_to_those_who_see_the_project(timeline: Timeline) -> None:
    await tell_a_story(timeline)
    async with timeline.client("member", projects={PROJECT: "viewer"}) as client:
        items = (await client.get("/members", params={"as_of": 9})).json()["items"]
    seen = {item["member_id"]: item["project_roles"] for item in items}
    assert seen[str(BARRY)] == [{"project_id": str(PROJECT), "role": "viewer"}]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_row_is_what_an_independent_reading_of_the_log_says(
    timeline: Timeline, seed: int
) -> None:
    timeline.history.events[:] = AccessHistory(seed, 120).events
    await timeline.tell(1, 1, 1, 7, 20)
    await equal_to_the_reference(timeline)
    for title in ("member_history", "api_key_history"):
        await timeline.rebuild(title, page_events=11)
    await equal_to_the_reference(timeline)


async def equal_to_the_reference(timeline: Timeline) -> None:
    standing: dict[str, Any] = {}
    changes = []
    for event in timeline.history.events:
        row = log_row(event.envelope)
        change = standing[row["stream"]] = folded(before_of(standing, row), row)
        told = {"type": row["type"], "actor": row["actor"], "note": change.note, "detail": change.detail}
        changes.append({**change.state, **told})
    for kind in ("member", "api_key"):
        now = [change.state for stream, change in standing.items() if kind_of(stream) == kind]
        said = [change for change in changes if f"{kind}_id" in change]
        for table, wanted in ((f"{kind}s", now), (f"{kind}_changes", said)):
            found = await evidence.rows(timeline.fresh.admin_dsn, f"{kind}_history_v1.{table}", "known_from")
            wanted.sort(key=lambda row: row["known_from"])
            assert [texts_read(row) for row in found] == wanted


def before_of(standing: dict[str, Any], row: dict[str, Any]) -> State | None:
    return standing[row["stream"]].state if row["stream"] in standing else None


def log_row(envelope: Any) -> dict[str, Any]:
    """An event as a row of the log reads in JSON."""
    names = ("position", "type", "stream", "version", "data")
    ids = ("event_id", "org_id", "project_id", "actor", "on_behalf_of")
    row: dict[str, Any] = {name: getattr(envelope, name) for name in names}
    row |= {name: None if (each := getattr(envelope, name)) is None else str(each) for name in ids}
    return row | {name: getattr(envelope, name).isoformat() for name in ("recorded_at", "effective_at")}

"""An organization moves house by the commands of two operators; when it has moved out, nothing of it is left behind."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx2 as httpx
import pytest
import pytest_asyncio

from deploy.local.programs import SERVICES, command
from deploy.local.stack import Stack
from tests.support.eventually import eventually
from tests.support.proof.invariants import all_is_made_of_the_log, converged
from tests.support.stacks import running_stack
from tests.support.stored import tables_naming

OF_THE_PLACE = ("position", "sequence", "time")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Stack]:
    """Another installation, with an organization of its own in its log, that forgets at once whoever is offboarded."""
    with running_stack({"MILEPOST_OFFBOARDED_KEPT_DAYS": "0"}) as stack:
        operate(stack, "projects", "found", str(uuid4()), "--name", "Gemini", "--owner", str(uuid4()))
        yield stack


def run(stack: Stack, service: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command about organizations as the operator of an installation does."""
    return subprocess.run(
        command(service, "organization", *arguments),
        env={**stack.settings(service), "PATH": str(Path(sys.executable).parent)},
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )


def operate(stack: Stack, service: str, *arguments: str) -> str:
    """The same of a command that succeeds; what it says."""
    done = run(stack, service, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


class Organization:
    """An organization and its owner, who has clients of both places."""

    def __init__(self) -> None:
        self.org_id, self.owner = str(uuid4()), str(uuid4())
        self.name, self.work = f"Ada {uuid4().hex}", f"Lander {uuid4().hex}"
        self.clients: list[httpx.AsyncClient] = []

    def at(self, stack: Stack, service: str) -> httpx.AsyncClient:
        token = stack.whereabouts.token(org_id=UUID(self.org_id), actor=UUID(self.owner), org_role=None)
        headers = {"Authorization": f"Bearer {token}"}
        self.clients.append(httpx.AsyncClient(base_url=stack.url(service), headers=headers))
        return self.clients[-1]

    async def export(self, stack: Stack, directory: Path, *services: str) -> dict[str, Path]:
        files = {service: directory / f"{service}.ndjson" for service in services}
        for service, file in files.items():
            await asyncio.to_thread(operate, stack, service, "export", self.org_id, str(file))
        return files

    async def milestone(self, stack: Stack, project_id: str, name: str) -> int:
        wish = {"project_id": project_id, "name": name}
        return (await self.at(stack, "projects").post("/v1/milestones", json=wish)).status_code


@pytest_asyncio.fixture
async def organization() -> AsyncIterator[Organization]:
    made = Organization()
    yield made
    for client in made.clients:
        await client.aclose()


async def lived_in(stack: Stack, organization: Organization) -> str:
    """A project, a profile, a subscription, and something that was read; returns the project's id."""
    named = ("--name", "Apollo", "--owner", organization.owner)
    await asyncio.to_thread(operate, stack, "projects", "found", organization.org_id, *named)
    projects, told = organization.at(stack, "projects"), organization.at(stack, "notifications")
    project_id: str = (await projects.post("/v1/projects", json={"name": organization.work})).json()[
        "project_id"
    ]
    await projects.put(f"/v1/profiles/{organization.owner}", json={"name": organization.name})

    # A subscription begins where notifications has come to: what was before must be behind it.
    await converged(stack)

    async def subscribed() -> None:
        wish = {"project_id": project_id, "mute_own": False}
        answer = await told.post("/v1/notifications/subscriptions", json=wish)
        assert answer.status_code == 201, answer.text

    await eventually(subscribed)
    assert await organization.milestone(stack, project_id, "Landing") == 201

    async def read() -> None:
        (item,) = (await told.get("/v1/notifications/inbox")).json()["items"] or [None]
        assert item is not None
        answer = await told.post(f"/v1/notifications/inbox/{item['event_id']}/mark-read", json={})
        assert answer.status_code == 200, answer.text

    await eventually(read)
    return project_id


def contents(file: Path) -> list[dict[str, object]]:
    """What an export says, but for what belongs to the place and for the offboarding, which stays behind."""
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:-1]]
    return [
        {kind: {name: value for name, value in body.items() if name not in OF_THE_PLACE}}
        for line in lines
        for kind, body in line.items()
        if body.get("type") != "organization.offboarded"
    ]


async def inbox(stack: Stack, organization: Organization) -> list[dict[str, object]]:
    answer = await organization.at(stack, "notifications").get("/v1/notifications/inbox")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, object]] = answer.json()["items"]
    return items


async def test_an_organization_moves_house(
    end_to_end: Stack, elsewhere: Stack, organization: Organization, tmp_path: Path
) -> None:
    project_id = await lived_in(end_to_end, organization)
    early = (await organization.export(end_to_end, tmp_path, "projects"))["projects"]
    assert early.stat().st_mode & 0o077 == 0
    said = await asyncio.to_thread(operate, elsewhere, "projects", "import", str(early))
    assert "events recorded: 5, profiles sealed: 1" in said
    assert await organization.milestone(end_to_end, project_id, "Return") == 201

    async def two_are_told() -> None:
        assert len(await inbox(end_to_end, organization)) == 2

    await eventually(two_are_told)
    reason = ("--reason", "Moved house")
    await asyncio.to_thread(operate, end_to_end, "projects", "offboard", organization.org_id, *reason)
    files = await organization.export(end_to_end, tmp_path, "projects", "notifications")
    said = await asyncio.to_thread(operate, elsewhere, "projects", "import", str(files["projects"]))
    assert "events recorded: 1, events that were here: 5, offboardings left out: 1" in said
    said = await asyncio.to_thread(operate, elsewhere, "notifications", "import", str(files["notifications"]))
    assert "inbox items kept: 2, subscriptions kept: 1" in said

    (tmp_path / "again").mkdir()
    again = await organization.export(elsewhere, tmp_path / "again", *files)
    assert [contents(file) for file in again.values()] == [contents(file) for file in files.values()]
    moved = await inbox(elsewhere, organization)
    assert [item["read_at"] is not None for item in moved] == [False, True]
    profile = await organization.at(elsewhere, "projects").get(f"/v1/profiles/{organization.owner}")
    assert profile.json()["name"] == organization.name
    assert await organization.milestone(elsewhere, project_id, "Splashdown") == 201

    async def only_what_is_new_is_told() -> None:
        assert (await inbox(elsewhere, organization))[1:] == moved

    await eventually(only_what_is_new_is_told)
    await converged(elsewhere)
    await all_is_made_of_the_log(elsewhere)


async def test_of_an_offboarded_organization_only_events_are_left(
    elsewhere: Stack, organization: Organization
) -> None:
    await lived_in(elsewhere, organization)
    assert {"projects", "timeline", "notifications"} == set(await stored(elsewhere, organization.work))

    await asyncio.to_thread(operate, elsewhere, "projects", "offboard", organization.org_id)
    # Projects looks for what is due when it starts, and every ten minutes.
    await asyncio.to_thread(elsewhere.restart, "projects")

    async def nothing_else_is_left() -> None:
        assert await stored(elsewhere, organization.org_id) == {
            "projects": {"public.events"},
            "timeline": {"public.access_organizations"},
            "notifications": {"public.access_organizations"},
        }

    await eventually(nothing_else_is_left, seconds=60, every=0.5)
    assert set(await stored(elsewhere, organization.work)) == {"projects"}
    assert await stored(elsewhere, organization.name) == {}
    assert await stored(elsewhere, "Gemini") == {"projects": {"public.events"}}
    await all_is_made_of_the_log(elsewhere)


async def stored(stack: Stack, needle: str) -> dict[str, set[str]]:
    """By service, the tables of its database in which some row has this, but for the access log, which is kept."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(stack.whereabouts.database_dsn(service))
        try:
            tables = set(await tables_naming(connection, needle)) - {"public.access_log"}
        finally:
            await connection.close()
        if tables:
            found[service] = tables
    return found


def test_a_file_that_is_not_whole_changes_nothing(end_to_end: Stack, tmp_path: Path) -> None:
    file = tmp_path / "broken.ndjson"
    file.write_text('{"head":{}}\n')
    done = run(end_to_end, "notifications", "import", str(file))
    assert done.returncode == 2
    assert "not the beginning of an export" in done.stderr

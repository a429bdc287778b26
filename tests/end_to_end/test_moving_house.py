"""An organization moves house by the commands of the two operators, and finds everything where it arrives."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest
import pytest_asyncio

from deploy.local.programs import command
from deploy.local.stack import Stack
from tests.support.eventually import eventually
from tests.support.stacks import running_stack

ORGANIZATION, OWNER = uuid4(), uuid4()
OF_THE_PLACE = ("position", "sequence", "time")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Stack]:
    """Another installation, with other keys and an organization of its own in its log."""
    with running_stack() as stack:
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


@pytest_asyncio.fixture
async def people(end_to_end: Stack, elsewhere: Stack) -> AsyncIterator["People"]:
    people = People()
    yield people
    for client in people.clients:
        await client.aclose()


class People:
    """Clients of persons of the organization, at either place."""

    def __init__(self) -> None:
        self.clients: list[httpx.AsyncClient] = []

    def at(self, stack: Stack, service: str, person: UUID = OWNER) -> httpx.AsyncClient:
        token = stack.whereabouts.token(org_id=ORGANIZATION, actor=person, org_role=None)
        headers = {"Authorization": f"Bearer {token}"}
        self.clients.append(httpx.AsyncClient(base_url=stack.url(service), headers=headers))
        return self.clients[-1]


async def lived_in(stack: Stack, people: People) -> str:
    """A project, a profile, a subscription and something read; returns the project's id."""
    operate(stack, "projects", "found", str(ORGANIZATION), "--name", "Apollo", "--owner", str(OWNER))
    projects, told = people.at(stack, "projects"), people.at(stack, "notifications")
    project_id: str = (await projects.post("/v1/projects", json={"name": "Lander"})).json()["project_id"]
    await projects.put(f"/v1/profiles/{OWNER}", json={"name": "Ada", "email": "ada@example.org"})

    async def subscribed() -> None:
        wish = {"project_id": project_id, "mute_own": False}
        answer = await told.post("/v1/notifications/subscriptions", json=wish)
        assert answer.status_code == 201, answer.text

    await eventually(subscribed)
    for name in ("Landing", "Return"):
        await projects.post("/v1/milestones", json={"project_id": project_id, "name": name})

    async def read() -> None:
        items = (await told.get("/v1/notifications/inbox")).json()["items"]
        assert len(items) == 2
        answer = await told.post(f"/v1/notifications/inbox/{items[0]['event_id']}/mark-read", json={})
        assert answer.status_code == 200, answer.text

    await eventually(read)
    return project_id


def contents(file: Path) -> list[dict[str, object]]:
    """The lines of an export between head and foot, without what belongs to the place."""
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:-1]]
    return [
        {kind: {name: value for name, value in body.items() if name not in OF_THE_PLACE}}
        for line in lines
        for kind, body in line.items()
    ]


async def test_an_organization_moves_house(
    end_to_end: Stack, elsewhere: Stack, people: People, tmp_path: Path
) -> None:
    project_id = await lived_in(end_to_end, people)
    files = {service: tmp_path / f"{service}.ndjson" for service in ("projects", "notifications")}
    for service, file in files.items():
        await asyncio.to_thread(operate, end_to_end, service, "export", str(ORGANIZATION), str(file))
    assert [file.stat().st_mode & 0o077 for file in files.values()] == [0, 0]

    said = await asyncio.to_thread(operate, elsewhere, "projects", "import", str(files["projects"]))
    assert "events recorded: 6, profiles sealed: 1" in said, said
    await eventually(lambda: taken_in(elsewhere, files["notifications"]), seconds=60)

    for service, file in files.items():
        again = tmp_path / f"{service}-again.ndjson"
        await asyncio.to_thread(operate, elsewhere, service, "export", str(ORGANIZATION), str(again))
        assert contents(again) == contents(file)
    there = people.at(elsewhere, "notifications")
    inbox = (await there.get("/v1/notifications/inbox")).json()["items"]
    assert [item["read_at"] is not None for item in inbox] == [True, False]
    profile = await people.at(elsewhere, "projects").get(f"/v1/profiles/{OWNER}")
    assert profile.json()["name"] == "Ada"
    new = {"project_id": project_id, "name": "Splashdown"}
    assert (await people.at(elsewhere, "projects").post("/v1/milestones", json=new)).status_code == 201

    async def told_of_what_is_new() -> None:
        items = (await there.get("/v1/notifications/inbox")).json()["items"]
        assert [item["event_id"] for item in items[1:]] == [item["event_id"] for item in inbox]

    await eventually(told_of_what_is_new)


async def taken_in(stack: Stack, file: Path) -> None:
    """Notifications takes the file once it has heard of the organization."""
    done = await asyncio.to_thread(run, stack, "notifications", "import", str(file))
    assert done.returncode == 0, done.stderr
    assert "inbox items kept: 2, subscriptions kept: 1" in done.stderr, done.stderr


def test_a_file_that_is_not_whole_changes_nothing(end_to_end: Stack, tmp_path: Path) -> None:
    file = tmp_path / "broken.ndjson"
    file.write_text('{"head":{}}\n')
    done = run(end_to_end, "notifications", "import", str(file))
    assert done.returncode == 2
    assert "not the beginning of an export" in done.stderr

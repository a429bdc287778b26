"""An organization is founded by its operator; a person of it is erased, and nothing that identifies them is left."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx2 as httpx
import pytest_asyncio

from deploy.local.programs import SERVICES, command
from deploy.local.stack import Stack
from tests.support.eventually import eventually
from tests.support.stored import rows_of

NAME, ADDRESS = "Ada Zqxcanary Lovelace", "zqxcanary@example.org"
CANARY = b"zqxcanary"


def operate(stack: Stack, *arguments: str) -> None:
    """Run a command of the projects service as its operator does."""
    environment = {"PATH": str(Path(sys.executable).parent), **stack.whereabouts.settings("projects")}
    subprocess.run(command("projects", *arguments), env=environment, check=True, timeout=60)


@pytest_asyncio.fixture
async def organization(end_to_end: Stack) -> AsyncIterator["Organization"]:
    founded = Organization(end_to_end)
    operate(
        end_to_end,
        "organization",
        "found",
        str(founded.org_id),
        "--name",
        "Engines",
        "--owner",
        str(founded.owner),
    )
    yield founded
    for client in founded.clients:
        await client.aclose()


class Organization:
    """An organization of the running system; its people have no roles but those its events give them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.org_id, self.owner = uuid4(), uuid4()
        self.clients: list[httpx.AsyncClient] = []

    def client(self, service: str, person: UUID) -> httpx.AsyncClient:
        token = self.stack.whereabouts.token(org_id=self.org_id, actor=person, org_role=None)
        headers = {"Authorization": f"Bearer {token}"}
        self.clients.append(httpx.AsyncClient(base_url=self.stack.url(service), headers=headers))
        return self.clients[-1]


async def everything_stored(stack: Stack) -> bytes:
    """Every row of the three databases, every byte NATS keeps, and every line that was logged."""
    kept: list[bytes] = []
    for service in SERVICES:
        connection = await asyncpg.connect(stack.whereabouts.database_dsn(service))
        try:
            kept.extend([row async for _, row in rows_of(connection)])
        finally:
            await connection.close()
        kept.append(stack.whereabouts.log(service).read_bytes())
    nats = stack.whereabouts.directory / "nats"
    kept.extend(path.read_bytes() for path in sorted(nats.rglob("*")) if path.is_file())
    return b"\n".join(kept)


async def test_an_erased_person_is_in_no_byte_that_is_kept(organization: Organization) -> None:
    stack, ada = organization.stack, uuid4()
    owner = organization.client("projects", organization.owner)
    joined = await owner.post("/v1/members", json={"member_id": str(ada), "role": "member"})
    assert joined.status_code == 201, joined.text
    theirs = organization.client("projects", ada)
    project = (await theirs.post("/v1/projects", json={"name": "Difference engine"})).json()
    written = await theirs.put(f"/v1/profiles/{ada}", json={"name": NAME, "email": ADDRESS})
    assert written.json()["name"] == NAME
    inbox = organization.client("notifications", ada)

    async def subscribed() -> None:
        body = {"project_id": project["project_id"], "mute_own": False}
        answer = await inbox.post("/v1/notifications/subscriptions", json=body)
        assert answer.status_code == 201, answer.text

    await eventually(subscribed)
    await theirs.post(
        "/v1/milestones",
        json={"project_id": project["project_id"], "name": "First turn", "target_on": "2030-01-01"},
    )

    async def told() -> None:
        assert (await inbox.get("/v1/notifications/inbox")).json()["items"]

    await eventually(told)

    erased = await owner.post(f"/v1/members/{ada}/erase", json={})

    assert erased.json()["is_erased"] is True
    assert (await owner.get(f"/v1/profiles/{ada}")).status_code == 404
    await eventually(lambda: _nothing_told(stack, ada))
    kept = (await everything_stored(stack)).lower()
    assert CANARY not in kept
    # The search itself works: what must be kept is found by it, in the database and in NATS alike.
    assert kept.count(b"first turn") >= 2
    history = await owner.get(f"/v1/projects/{project['project_id']}")
    assert history.json()["name"] == "Difference engine"


async def _nothing_told(stack: Stack, person: UUID) -> None:
    connection = await asyncpg.connect(stack.whereabouts.database_dsn("notifications"))
    try:
        for table in ("inbox_items", "subscriptions"):
            assert (
                await connection.fetchval(f"select count(*) from {table} where person_id = $1", person) == 0
            )
    finally:
        await connection.close()


async def test_what_an_erased_person_wrote_stays_and_leads_to_nobody(organization: Organization) -> None:
    ada = uuid4()
    owner, theirs = (organization.client("projects", person) for person in (organization.owner, ada))
    await owner.post("/v1/members", json={"member_id": str(ada), "role": "member"})
    project = (await theirs.post("/v1/projects", json={"name": "Difference engine"})).json()
    raised = {"project_id": project["project_id"], "title": "Carry does not ripple"}
    issue = (await theirs.post("/v1/issues", json=raised)).json()
    said = await theirs.post(f"/v1/issues/{issue['issue_id']}/comment", json={"text": "Oil the third column"})
    assert said.status_code == 200, said.text

    erased = await owner.post(f"/v1/members/{ada}/erase", json={})
    assert erased.status_code == 200, erased.text

    told = organization.client("timeline", organization.owner)

    async def stays() -> None:
        history = (await told.get(f"/v1/timeline/issues/{issue['issue_id']}/history")).json()
        comments = [each for each in history["changes"] if each["type"] == "issue.commented_on"]
        assert [(each["actor"], each["note"]) for each in comments] == [(str(ada), "Oil the third column")]

    await eventually(stays)
    assert (await owner.get(f"/v1/profiles/{ada}")).status_code == 404
    assert (await owner.get(f"/v1/members/{ada}")).json()["is_erased"] is True

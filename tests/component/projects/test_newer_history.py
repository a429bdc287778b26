"""A newer program has written to a history: this one says that it can not answer now, and records nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2 as httpx
import pytest
import pytest_asyncio
from pydantic_core import from_json

from libs.events.envelope import instant_text
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_commands import plan, propose
from tests.component.projects.test_imports import line, send
from tests.component.projects.test_members import ANN, becomes, join
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects

NEWER = """
    insert into events (position, recorded_at, effective_at, event_id, org_id, project_id, actor, version,
                        schema_version, stream, type, data)
    select position + 1, recorded_at, effective_at, gen_random_uuid(), org_id, project_id, actor, version + 1,
           $1, stream, $2, '{"forecast_on": "1969-07-21", "reason": "Wind"}'
    from events order by position desc limit 1
"""
READABLE = "update events set schema_version = 1, type = 'milestone.reforecast' where position = 4"
SAID_AGAIN = {"Idempotency-Key": "said before"}
REFORECAST = {"forecast_on": "1969-07-24", "reason": "Rain"}


@pytest_asyncio.fixture
async def database(fresh_database: FreshDatabaseFactory) -> FreshDatabase:
    return await fresh_database("projects", migrate_projects)


@pytest.fixture
def service_dsn(database: FreshDatabase) -> str:
    return database.dsn(SERVICE, PASSWORD)


async def execute(database: FreshDatabase, statement: str, *values: Any) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


def is_refused_for_now(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "unavailable",
        "5",
    )


@pytest.mark.parametrize(
    ("version", "name"),
    [(2, "milestone.reforecast"), (1, "milestone.celebrated")],
    ids=["a later schema", "an unknown type"],
)
async def test_a_newer_history_is_left_alone_until_it_can_be_read(
    owner: httpx.AsyncClient, database: FreshDatabase, version: int, name: str
) -> None:
    milestone = (await plan(owner, await propose(owner))).json()
    path = f"/v1/milestones/{milestone['milestone_id']}"
    before = await owner.post(f"{path}/reforecast", json=REFORECAST, headers=SAID_AGAIN)
    await execute(database, NEWER, version, name)

    assert is_refused_for_now(await owner.get(path))
    assert is_refused_for_now(await owner.post(f"{path}/reforecast", json={**REFORECAST, "reason": "Snow"}))
    again = await owner.post(f"{path}/reforecast", json=REFORECAST, headers=SAID_AGAIN)
    assert (again.status_code, again.content) == (200, before.content)

    await execute(database, READABLE)
    assert (await owner.get(path)).json()["version"] == 3
    answer = await owner.post(f"{path}/reforecast", json={**REFORECAST, "reason": "Snow"})
    assert answer.headers["milepost-position"] == "5"


async def test_a_line_of_an_import_may_be_sent_again(
    owner: httpx.AsyncClient, database: FreshDatabase
) -> None:
    milestone = (await plan(owner, await propose(owner))).json()["milestone_id"]
    await execute(database, NEWER, 2, "milestone.reforecast")
    now = instant_text(datetime.now(UTC))

    [result], total = await send(
        owner, line("1", "milestone.reforecast", f"milestone-{milestone}", now, **REFORECAST)
    )

    assert (result["outcome"], result["code"]) == ("unknown", "unavailable")
    assert total["unknown"] == 1


@pytest.mark.parametrize("grants_in_tokens", [False])
async def test_lines_of_whom_a_newer_program_wrote_may_be_sent_again(
    founded: Clients, database: FreshDatabase
) -> None:
    owner, ann = founded(OWNER), founded(ANN)
    await join(owner, ANN)
    await becomes(ann, f"/v1/members/{ANN}", 200)

    async def body() -> AsyncIterator[bytes]:
        yield line("1", "project.propose", f"project-{uuid4()}", name="Apollo").encode()
        await execute(database, NEWER, 2, "member.role_changed")
        await becomes(ann, f"/v1/members/{ANN}", 503)

    answer = await ann.post("/v1/imports", content=body(), headers={"Content-Type": "application/x-ndjson"})

    result, total = map(from_json, answer.text.splitlines())
    assert (result["outcome"], result["code"]) == ("unknown", "unavailable")
    assert (total["unknown"], total.get("code")) == (1, None)

"""People are ids in history; what identifies them is sealed beside it, and can be erased for good."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx2 as httpx
import pytest
from pydantic_core import to_json

from services.projects.profiles import Profiles
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_members import ANN, BOB, join, propose
from tests.support.recordings import ORGANIZATION

ADA = {"name": "Ada Canary Lovelace", "email": "ada.canary@example.org", "time_zone": "Europe/London"}


@pytest.fixture
def grants_in_tokens() -> bool:
    return False


async def write(client: httpx.AsyncClient, person: UUID = ANN) -> httpx.Response:
    return await client.put(f"/v1/profiles/{person}", json=ADA)


async def everything(dsn: str) -> bytes:
    """Every row of every table, as text: what a dump of the database holds."""
    connection = await asyncpg.connect(dsn)
    try:
        tables: list[Any] = await connection.fetch(
            "select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'"
        )
        rows = [await connection.fetch(f"select * from {table['name']}") for table in tables]
    finally:
        await connection.close()
    return b"".join(repr([dict(row) for row in found]).encode() for found in rows)


async def test_members_read_the_profile_a_person_wrote(founded: Clients) -> None:
    await join(founded(OWNER), ANN)
    await join(founded(OWNER), BOB)

    written = await write(founded(ANN))

    assert (written.status_code, written.json()) == (200, {**ADA, "person_id": str(ANN)})
    shown = await founded(BOB).get(f"/v1/profiles/{ANN}")
    assert (shown.json(), shown.headers["etag"]) == (written.json(), '"1"')
    again = await founded(BOB).get(f"/v1/profiles/{ANN}", headers={"If-None-Match": '"1"'})
    assert again.status_code == 304


async def test_a_profile_is_written_by_the_person_and_by_administrators(founded: Clients) -> None:
    await join(founded(OWNER), ANN)
    await join(founded(OWNER), BOB)

    assert (await write(founded(BOB))).status_code == 403
    assert (await write(founded(OWNER))).status_code == 200
    assert (await write(founded(OWNER), UUID(int=77))).status_code == 404


async def test_an_erased_person_is_nowhere_in_the_database(founded: Clients, service_dsn: str) -> None:
    owner = founded(OWNER)
    await join(owner, ANN)
    await propose(founded(ANN))
    await write(founded(ANN))

    erased = await owner.post(f"/v1/members/{ANN}/erase", json={})

    assert (erased.status_code, erased.json()["is_erased"]) == (200, True)
    assert b"canary" not in (await everything(service_dsn)).lower()
    assert str(ANN).encode() not in b"".join(
        [repr(row).encode() for row in await rows(service_dsn, "person_keys", "profiles")]
    )
    assert (await owner.get(f"/v1/profiles/{ANN}")).status_code == 404
    assert (await owner.get(f"/v1/members/{ANN}")).json()["role"] is None
    assert (await write(owner)).status_code == 404
    joining = await owner.post("/v1/members", json={"member_id": str(ANN), "role": "member"})
    assert (joining.status_code, joining.json()["code"]) == (409, "member_is_erased")


async def rows(dsn: str, *tables: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row for table in tables for row in await connection.fetch(f"select * from {table}")]
    finally:
        await connection.close()


async def test_a_profile_is_sealed_at_rest(founded: Clients, service_dsn: str) -> None:
    await join(founded(OWNER), ANN)
    await write(founded(ANN))

    assert b"Canary" not in await everything(service_dsn)


async def test_what_a_dead_process_left_of_an_erased_person_goes_too(
    founded: Clients, here: Any, service_dsn: str
) -> None:
    owner = founded(OWNER)
    await join(owner, ANN)
    await owner.post(f"/v1/members/{ANN}/erase", json={})
    connection = await asyncpg.connect(service_dsn)
    await connection.execute("insert into person_keys values ($1, $2, $3)", ORGANIZATION, ANN, bytes(32))
    await connection.execute(
        "insert into profiles (org_id, person_id, box) values ($1, $2, $3)", ORGANIZATION, ANN, to_json(ADA)
    )
    await connection.close()

    await Profiles(here).erase_whom_the_log_says()

    assert await rows(service_dsn, "person_keys", "profiles") == []


async def test_a_write_that_was_under_way_brings_nobody_back(founded: Clients, here: Any) -> None:
    owner = founded(OWNER)
    await join(owner, ANN)
    await owner.post(f"/v1/members/{ANN}/erase", json={})

    assert await Profiles(here).write(ORGANIZATION, ANN, to_json(ADA)) is None


async def test_history_can_not_be_told_with_what_has_consequences_outside_it(founded: Clients) -> None:
    owner = founded(OWNER)
    await join(owner, ANN)
    line = {"key": "1", "command": "member.erase", "stream": f"member-{ANN}", "body": {}}
    body = to_json({**line, "effective_at": "2026-01-01T00:00:00Z"})

    answer = await owner.post("/v1/imports", content=body, headers={"Content-Type": "application/x-ndjson"})

    assert '"unknown_command"' in answer.text
    assert (await owner.get(f"/v1/members/{ANN}")).json()["is_erased"] is False

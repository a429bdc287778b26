"""The access log: what gets into it, who may read it, and that nobody can change it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from libs.access.access_log import recording
from libs.access.access_log.entries import NO_ORGANIZATION, record_operator
from libs.access.access_log.recording import AccessLog
from libs.chassis.noting import Answered, Note
from libs.chassis.organizations import Organizations
from libs.chassis.postgres import Database
from tests.support.databases import FreshDatabase, FreshDatabaseFactory, Migrate
from tests.support.eventually import eventually
from tests.support.notifications.databases import migrate_notifications
from tests.support.projects_database import migrate_projects
from tests.support.timeline_database import migrate_timeline

PASSWORD = "secret"
SERVICES: dict[str, Migrate] = {
    "projects": migrate_projects,
    "timeline": migrate_timeline,
    "notifications": migrate_notifications,
}
OURS, THEIRS, ANN = uuid4(), uuid4(), uuid4()
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest_asyncio.fixture(params=SERVICES)
async def database(request: pytest.FixtureRequest, fresh_database: FreshDatabaseFactory) -> FreshDatabase:
    return await fresh_database(request.param, SERVICES[request.param])


@pytest_asyncio.fixture
async def serving(database: FreshDatabase) -> AsyncIterator[Database]:
    service = database.name.split("_")[1]
    pool = await Database.connect(database.dsn(f"{service}_service", PASSWORD), application_name="access log")
    yield pool
    await pool.close()


def denied(org_id: UUID | None = OURS, actor: UUID | None = ANN, status: int = 403) -> Answered:
    path = f"/v1/members/{ANN}/grant-role"
    return Answered(
        Note(org_id, actor, None, "forbidden"), "POST", "/v1/members/{id}", path, status, TRACE_ID
    )


async def rows(database: FreshDatabase) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return await connection.fetch("select * from access_log order by recorded_at, entry_id")
    finally:
        await connection.close()


async def test_what_was_denied_is_written_with_everything_that_leads_to_it(
    database: FreshDatabase, serving: Database
) -> None:
    access_log = AccessLog(Organizations(serving))
    for answered in (denied(), denied(THEIRS), denied(None, None, 401)):
        access_log.record(answered)
    await access_log.write()
    found = await rows(database)
    assert {row["org_id"] for row in found} == {OURS, THEIRS}
    ours = next(row for row in found if row["org_id"] == OURS)
    assert (ours["kind"], ours["actor"], ours["operation"]) == ("denied", ANN, "POST /v1/members/{id}")
    assert (ours["target_id"], ours["status"], ours["code"]) == (ANN, 403, "forbidden")
    assert ours["trace_id"] == TRACE_ID


async def test_no_service_can_change_or_remove_what_was_written(serving: Database) -> None:
    access_log = AccessLog(Organizations(serving))
    access_log.record(denied())
    await access_log.write()
    for statement in (
        "update access_log set status = 200",
        "delete from access_log",
        "truncate access_log",
        "alter table access_log disable row level security",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with Organizations(serving).transaction(OURS) as connection:
                await connection.execute(statement)


async def test_one_organization_never_sees_the_entries_of_another(serving: Database) -> None:
    organizations = Organizations(serving)
    access_log = AccessLog(organizations)
    access_log.record(denied(OURS))
    access_log.record(denied(THEIRS))
    await access_log.write()
    async with organizations.transaction(OURS, readonly=True) as connection:
        seen = await connection.fetch("select org_id from access_log")
    assert [row["org_id"] for row in seen] == [OURS]


async def test_nobody_writes_into_the_log_of_another_organization(serving: Database) -> None:
    entry = "values ($1, now(), $1, 'denied', 'somebody', 'GET /')"
    statement = f"insert into access_log (org_id, recorded_at, entry_id, kind, operator, operation) {entry}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with Organizations(serving).transaction(OURS) as connection:
            await connection.execute(statement, THEIRS)


async def test_only_what_is_older_than_a_month_can_be_forgotten(
    database: FreshDatabase, serving: Database
) -> None:
    owner = await asyncpg.connect(database.admin_dsn)
    for days in (0, 29, 31, 400):
        await owner.execute(
            "insert into access_log (org_id, recorded_at, entry_id, kind, actor, operation)"
            " values ($1, $2, $3, 'denied', $4, 'GET /')",
            *(OURS, datetime.now(UTC) - timedelta(days=days), uuid4(), ANN),
        )
    await owner.close()
    async with Organizations(serving).nobody() as connection:
        assert await connection.fetchval("select forget_access_log(365, 100)") == 1
        assert await connection.fetchval("select forget_access_log(0, 100)") == 1
    assert len(await rows(database)) == 2


async def test_an_operators_command_is_remembered_by_name(database: FreshDatabase, serving: Database) -> None:
    async with serving.transaction() as connection:
        await record_operator(connection, "o" * 100, "rebuild all")
    (row,) = await rows(database)
    assert (row["org_id"], row["operator"], row["operation"]) == (NO_ORGANIZATION, "o" * 64, "rebuild all")


def lost_by_overflow() -> float:
    return REGISTRY.get_sample_value("milepost_access_log_lost_total", {"reason": "overflow"}) or 0


class Away:
    """A database that is not there."""

    asked = 0

    def transaction(self, org_id: UUID) -> None:
        self.asked += 1
        raise ConnectionRefusedError

    def nobody(self) -> None:
        raise ConnectionRefusedError


async def test_a_database_that_is_away_delays_nobody_and_loses_only_what_is_beyond_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "QUEUED_MAX", 100)
    away = Away()
    access_log = AccessLog(away)  # type: ignore[arg-type]
    before = lost_by_overflow()
    monkeypatch.setattr(recording, "RETRY_SECONDS", 0.01)

    def is_asked_again() -> None:
        assert away.asked > 3

    running = asyncio.create_task(access_log.run())
    for _ in range(150):
        access_log.record(denied(actor=uuid4()))
    assert lost_by_overflow() - before == 50
    await eventually(is_asked_again)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def test_one_person_cannot_fill_the_log(database: FreshDatabase, serving: Database) -> None:
    access_log = AccessLog(Organizations(serving), clock=lambda: 0.0)
    for _ in range(1_000):
        access_log.record(denied())
    access_log.record(denied(actor=uuid4()))
    await access_log.write()
    assert len(await rows(database)) == recording.DENIED_PER_MINUTE + 1

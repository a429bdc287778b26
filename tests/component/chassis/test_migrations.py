"""Migrations run once, in order, by the owner; what ran may not change."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from libs.chassis.migrations import (
    MigrationChanged,
    MigrationsPending,
    check,
    migrate,
    migrations_in,
    wait_until_migrated,
)
from libs.chassis.postgres import Database
from libs.chassis.provisioning import Login, provision
from tests.support.databases import FreshDatabase, with_database, with_user


@pytest_asyncio.fixture
async def database(empty_database: FreshDatabase) -> AsyncIterator[Database]:
    database = await Database.connect(empty_database.admin_dsn, application_name="test", connections_max=2)
    yield database
    await database.close()


@pytest.fixture
def first(tmp_path: Path) -> Path:
    directory = tmp_path / "first"
    directory.mkdir()
    (directory / "0001_facts.sql").write_text(
        "create table facts (fact text); insert into facts values ('a')"
    )
    (directory / "0002_more.sql").write_text("insert into facts values ('b')")
    return directory


async def facts(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row["fact"] for row in await connection.fetch("select fact from facts order by fact")]


async def test_files_are_applied_once_and_in_order(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    applied = await migrate(empty_database.admin_dsn, [first])
    assert [each.name for each in applied] == ["0001_facts.sql", "0002_more.sql"]
    assert await migrate(empty_database.admin_dsn, [first]) == []
    assert await facts(database) == ["a", "b"]


async def test_a_second_directory_follows_the_first(
    empty_database: FreshDatabase, database: Database, first: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (second / "0001_facts.sql").write_text("insert into facts values ('c')")
    await migrate(empty_database.admin_dsn, [first, second])
    assert await facts(database) == ["a", "b", "c"]


async def test_replicas_that_migrate_at_once_do_it_once(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    applied = await asyncio.gather(*(migrate(empty_database.admin_dsn, [first]) for _ in range(4)))
    assert sorted(len(each) for each in applied) == [0, 0, 0, 2]
    assert await facts(database) == ["a", "b"]


async def test_a_failed_file_leaves_nothing_and_those_before_it_stay(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    (first / "0003_broken.sql").write_text("insert into facts values ('c'); select nonsense")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(empty_database.admin_dsn, [first])
    assert await facts(database) == ["a", "b"]
    with pytest.raises(MigrationsPending, match="0003_broken"):
        await check(database, [first])


async def test_a_file_that_changed_after_it_ran_is_refused(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    await migrate(empty_database.admin_dsn, [first])
    (first / "0001_facts.sql").write_text("create table other (fact text)")
    with pytest.raises(MigrationChanged, match="0001_facts"):
        await migrate(empty_database.admin_dsn, [first])
    with pytest.raises(MigrationChanged, match="0001_facts"):
        await check(database, [first])


async def test_a_service_knows_whether_its_database_is_as_new_as_itself(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    with pytest.raises(MigrationsPending, match="never migrated"):
        await check(database, [first])
    await migrate(empty_database.admin_dsn, [first])
    await check(database, [first])
    (first / "0002_more.sql").unlink()
    await check(database, [first])


async def test_a_service_waits_for_what_it_needs_besides(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    await migrate(empty_database.admin_dsn, [first])
    answers = [MigrationsPending("no schema"), OSError("the database restarts"), None]

    async def also(_: Database) -> None:
        if (answer := answers.pop(0)) is not None:
            raise answer

    await asyncio.wait_for(wait_until_migrated(database, [first], also=also, check_seconds=0.01), 5)
    assert answers == []


async def test_a_service_does_not_wait_for_what_waiting_does_not_mend(
    empty_database: FreshDatabase, database: Database, first: Path
) -> None:
    await migrate(empty_database.admin_dsn, [first])
    (first / "0001_facts.sql").write_text("create table other (fact text)")
    with pytest.raises(MigrationChanged):
        await asyncio.wait_for(wait_until_migrated(database, [first]), 5)


def test_a_name_without_its_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("select 1")
    (tmp_path / "0001_b.sql").write_text("select 1")
    with pytest.raises(ValueError, match="0001_b"):
        migrations_in([tmp_path])
    (tmp_path / "0001_b.sql").rename(tmp_path / "latest.sql")
    with pytest.raises(ValueError, match="latest"):
        migrations_in([tmp_path])


async def test_provisioning_makes_what_is_missing_and_may_be_repeated(
    postgres_admin_dsn: str, empty_database: FreshDatabase, first: Path
) -> None:
    name = f"{empty_database.name}_own"
    role, owner = f"{name}_service", f"{name}_owner"
    dsn = with_user(with_database(postgres_admin_dsn, name), role, 'it\'s a "secret"@')
    (first / "0003_grant.sql").write_text(f'grant select on facts to "{role}"')
    admin = await asyncpg.connect(postgres_admin_dsn)
    try:
        for _ in range(2):
            in_database = await provision(postgres_admin_dsn, [dsn], owner)
            await migrate(in_database, [first], owner=owner)
        service = await asyncpg.connect(dsn)
        try:
            assert await service.fetchval("select count(*) from facts") == 2
            owned_by = "select tableowner from pg_tables where tablename = 'facts'"
            assert await service.fetchval(owned_by) == owner
            assert await service.fetchval("show synchronous_commit") == "on"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute("insert into facts values ('c')")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute("create table mine (fact text)")
        finally:
            await service.close()
        flags = (
            "select rolsuper or rolbypassrls or rolcreaterole from pg_roles where rolname = any($1::text[])"
        )
        assert {row[0] for row in await admin.fetch(flags, [role, owner])} == {False}
    finally:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.execute(f'drop role if exists "{role}"')
        await admin.execute(f'drop role if exists "{owner}"')
        await admin.close()


async def test_an_administrator_who_is_no_superuser_suffices(
    postgres_admin_dsn: str, empty_database: FreshDatabase, first: Path
) -> None:
    name = f"{empty_database.name}_lean"
    role, owner, operator = f"{name}_service", f"{name}_owner", f"{name}_operator"
    admin = await asyncpg.connect(postgres_admin_dsn)
    try:
        await admin.execute(f"create role \"{operator}\" login createdb createrole password 'x'")
        operator_dsn = with_user(postgres_admin_dsn, operator, "x")
        dsn = with_user(with_database(postgres_admin_dsn, name), role, "y")
        for _ in range(2):
            await migrate(await provision(operator_dsn, [dsn], owner), [first], owner=owner)
        service = await asyncpg.connect(dsn)
        await service.close()
    finally:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        for each in (role, owner, operator):
            await admin.execute(f'drop role if exists "{each}"')
        await admin.close()


def test_a_login_needs_all_its_parts() -> None:
    assert Login.of("postgresql://a:b%2Fc@host:5/d%20e") == Login("a", "b/c", "d e")
    for incomplete in ("postgresql://a@host/d", "postgresql://host/d", "postgresql://a:b@host"):
        with pytest.raises(ValueError, match="user, a password and a database"):
            Login.of(incomplete)

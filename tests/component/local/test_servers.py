"""The servers of the tests and of `make run`: real ones, which survive what is done to them."""

import asyncpg
import nats

from deploy.local.nats import EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from tests.support.databases import FreshDatabase, FreshDatabaseFactory
from tests.support.servers import NatsServer


async def add_greeting_table(database: FreshDatabase) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("create table greeting (words text)")
    await connection.close()


async def greetings(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select words from greeting")
    await connection.close()
    return [row["words"] for row in rows]


async def greet(dsn: str, words: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("insert into greeting values ($1)", words)
    await connection.close()


async def test_each_test_has_a_migrated_database_of_its_own(fresh_database: FreshDatabaseFactory) -> None:
    mine = await fresh_database("greeting", add_greeting_table)
    theirs = await fresh_database("greeting", add_greeting_table)
    await greet(mine.admin_dsn, "good morning")
    assert await greetings(mine.admin_dsn) == ["good morning"]
    assert await greetings(theirs.admin_dsn) == []


async def test_postgres_keeps_what_was_committed_before_a_crash(
    disposable_postgres: EmbeddedPostgres,
) -> None:
    database = FreshDatabase("postgres", disposable_postgres.dsn())
    await add_greeting_table(database)
    await greet(database.admin_dsn, "still here")
    disposable_postgres.kill()
    disposable_postgres.start()
    assert await greetings(database.admin_dsn) == ["still here"]


async def stream_names(server: EmbeddedNats) -> list[str]:
    client = await nats.connect(server.url("keeper"), inbox_prefix=b"_INBOX_keeper")
    try:
        return [(await client.jetstream().stream_info("PROJECTS")).config.name or ""]
    except nats.js.errors.NotFoundError:
        return []
    finally:
        await client.close()


async def create_stream(server: EmbeddedNats | NatsServer) -> None:
    client = await nats.connect(server.url("keeper"), inbox_prefix=b"_INBOX_keeper")
    await client.jetstream().add_stream(name="PROJECTS", subjects=["milepost.>"])
    await client.close()


async def test_nats_keeps_its_stream_through_a_crash_and_loses_it_with_its_store(
    disposable_nats: EmbeddedNats,
) -> None:
    await create_stream(disposable_nats)
    disposable_nats.kill()
    disposable_nats.start()
    assert await stream_names(disposable_nats) == ["PROJECTS"]
    disposable_nats.stop()
    disposable_nats.wipe()
    disposable_nats.start()
    assert await stream_names(disposable_nats) == []


async def test_a_test_may_start_without_a_stream(fresh_nats: NatsServer) -> None:
    await create_stream(fresh_nats)

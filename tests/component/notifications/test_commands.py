"""The operator's commands, as an operator runs them."""

import asyncio
import os
import secrets
import sys

from libs.chassis.migrations import ROOT
from libs.chassis.provisioning import in_database
from tests.support.databases import Databases, FreshDatabase, with_user
from tests.support.notifications.databases import INTERNAL, PASSWORD, SERVICE


async def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.notifications", *arguments),
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_migrate_makes_what_is_missing_and_may_be_repeated(
    postgres_admin_dsn: str, databases: Databases
) -> None:
    name = f"test_notifications_{secrets.token_hex(4)}"
    dsn = with_user(in_database(postgres_admin_dsn, name), SERVICE, PASSWORD)
    internal = with_user(in_database(postgres_admin_dsn, name), INTERNAL, PASSWORD)
    dsns = {"MILEPOST_DATABASE_URL": dsn, "MILEPOST_INTERNAL_DATABASE_URL": internal}
    environment = {**dsns, "MILEPOST_ADMIN_DATABASE_URL": postgres_admin_dsn}

    first = await run(environment, "migrate")
    again = await run(environment, "migrate")
    listed = await run(dsns, "parked", "list")
    await databases.drop(FreshDatabase(name, dsn))

    assert first[0] == 0, first[1]
    assert "applied 0001_notifications.sql" in first[1]
    assert again == (0, "notifications is up to date\n")
    assert listed[0] == 0, listed[1]


async def test_without_its_secrets_key_the_service_says_what_is_missing_and_repeats_no_secret() -> None:
    canary = secrets.token_hex(16)
    environment = {
        "MILEPOST_DATABASE_URL": f"postgresql://notifications_service:{canary}@127.0.0.1/none",
        "MILEPOST_INTERNAL_DATABASE_URL": f"postgresql://notifications_internal:{canary}@127.0.0.1/none",
        "MILEPOST_NATS_URL": f"nats://notifications:{canary}@127.0.0.1",
        "MILEPOST_PROJECTS_URL": "http://127.0.0.1:1",
        "MILEPOST_SERVICE_TOKEN": canary,
        "MILEPOST_SECRETS_KEY": f"{canary}:short",
    }
    code, output = await run(environment, "serve")

    assert code != 0
    assert "secrets_key" in output
    assert canary not in output

"""Organizations come, go and move house by commands of the operator."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic_core import from_json

from libs.chassis.postgres import Database
from libs.events.log.log import Log
from libs.events.log.selecting import EventPages
from services.projects import organizations
from services.projects.access.organization import OrganizationAlreadyFounded
from services.projects.organizations import Imported, NotImportable
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_members import ANN, join, propose
from tests.support.databases import FreshDatabaseFactory
from tests.support.eventually import eventually
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.recordings import ORGANIZATION

MOVED = ("position", "sequence", "time", "schemaversion", "dataschema")


@pytest.fixture
def grants_in_tokens() -> bool:
    return False


@pytest_asyncio.fixture
async def elsewhere(fresh_database: FreshDatabaseFactory) -> AsyncIterator[Database]:
    """The database of another installation, in which another organization lives already."""
    fresh = await fresh_database("projects", migrate_projects)
    database = await Database.connect(
        fresh.dsn(SERVICE, PASSWORD), application_name="operator", connections_max=2
    )
    await organizations.found(Log(database), UUID(int=99), "Gemini program", OWNER)
    yield database
    await database.close()


async def exported(database: Database) -> list[bytes]:
    lines = organizations.export(EventPages(database), ORGANIZATION, lambda reached, head: None)
    return [line async for line in lines]


async def test_founding_again_changes_nothing_and_another_name_is_refused(operator_log: Log) -> None:
    first = await organizations.found(operator_log, ORGANIZATION, "Apollo program", OWNER)

    assert await organizations.found(operator_log, ORGANIZATION, "Apollo program", OWNER) == first == 2
    with pytest.raises(OrganizationAlreadyFounded):
        await organizations.found(operator_log, ORGANIZATION, "Gemini program", OWNER)


async def test_an_export_is_imported_whole_somewhere_else(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await join(founded(OWNER), ANN)
    project_id = await propose(founded(ANN))
    await founded(ANN).post("/v1/milestones", json={"project_id": project_id, "name": "Landing"})
    lines = await exported(here)

    assert await organizations.import_lines(Log(elsewhere), lines) == Imported(recorded=6, known=0)

    assert [stays(line) for line in (await exported(elsewhere))[1:-1]] == [
        stays(line) for line in lines[1:-1]
    ]
    assert await organizations.import_lines(Log(elsewhere), lines) == Imported(recorded=0, known=6)


def stays(line: bytes) -> dict[str, object]:
    return {name: value for name, value in from_json(line).items() if name not in MOVED}


async def test_an_import_that_broke_off_goes_on(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await join(founded(OWNER), ANN)
    lines = await exported(here)

    with pytest.raises(NotImportable, match="breaks off after 2 events"):
        await organizations.import_lines(Log(elsewhere), lines[:3])
    assert await organizations.import_lines(Log(elsewhere), lines) == Imported(recorded=1, known=2)


async def test_what_is_no_export_of_one_organization_is_refused(here: Database, founded: Clients) -> None:
    head, *events, foot = await exported(here)

    for lines, reason in (
        ([], "line 1"),
        ([b"{}\n", *events, foot], "line 1"),
        ([head, events[0], b"{broken\n", foot], "line 3"),
        (
            [head.replace(str(ORGANIZATION).encode(), str(UUID(int=5)).encode()), *events, foot],
            "another organization",
        ),
        ([head, events[0], foot], "has 2 events; 1 were read"),
    ):
        with pytest.raises(NotImportable, match=reason):
            await organizations.import_lines(Log(here), lines)


async def test_another_history_of_the_same_stream_is_refused(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await organizations.found(Log(elsewhere), ORGANIZATION, "Apollo program", ANN)

    with pytest.raises(NotImportable, match="has another history in this log"):
        await organizations.import_lines(Log(elsewhere), await exported(here))


async def test_nobody_gets_into_an_organization_that_was_offboarded(
    founded: Clients, operator_log: Log
) -> None:
    project_id = await propose(founded(OWNER))

    await organizations.offboard(operator_log, ORGANIZATION, "Moved house")

    async def closed() -> None:
        answer = await founded(OWNER).get(f"/v1/projects/{project_id}")
        assert (answer.status_code, answer.json().get("code")) == (403, "not_a_member")

    await eventually(closed)

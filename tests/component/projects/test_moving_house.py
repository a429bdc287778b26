"""An organization moves house: what projects keeps of it is written into a file, and recorded somewhere else."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic_core import from_json

from libs.chassis.organization_files import Item, NotImportable
from libs.chassis.postgres import Database
from libs.events.log.log import Log
from libs.events.log.selecting import EventPages
from services.projects import moving_house, organizations
from services.projects.profiles import Profiles
from tests.component.projects.conftest import OWNER, Clients
from tests.component.projects.test_members import ANN, join, propose
from tests.support.databases import FreshDatabaseFactory
from tests.support.projects_database import PASSWORD, SERVICE, migrate_projects
from tests.support.recordings import ORGANIZATION

MOVED = ("position", "sequence", "time", "schemaversion", "dataschema")
ANNS_PROFILE = {"name": "Ann Åström", "email": "ann@example.org", "time_zone": "Europe/Stockholm"}


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


async def exported(database: Database) -> list[Item]:
    items = moving_house.export(
        EventPages(database), Profiles(database), ORGANIZATION, lambda reached, head: None
    )
    return [item async for item in items]


async def imported(database: Database, items: Sequence[Item]) -> Counter[str]:
    return await moving_house.take_in(Log(database), Profiles(database), ORGANIZATION, items)


def stays(items: Sequence[Item]) -> list[dict[str, object]]:
    return [
        {name: value for name, value in from_json(item.body).items() if name not in MOVED} for item in items
    ]


async def write_profile(founded: Clients, name: str = ANNS_PROFILE["name"]) -> None:
    answer = await founded(ANN).put(f"/v1/profiles/{ANN}", json={**ANNS_PROFILE, "name": name})
    assert answer.status_code == 200, answer.text


async def test_an_export_is_imported_whole_somewhere_else(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await join(founded(OWNER), ANN)
    await write_profile(founded, "Ann")
    await write_profile(founded)
    project_id = await propose(founded(ANN))
    await founded(ANN).post("/v1/milestones", json={"project_id": project_id, "name": "Landing"})
    items = await exported(here)

    assert await imported(elsewhere, items) == Counter({"events recorded": 6, "profiles sealed": 1})

    assert stays(await exported(elsewhere)) == stays(items)
    assert await imported(elsewhere, items) == Counter(
        {"events that were here": 6, "profiles that were here": 1}
    )


async def test_a_profile_is_in_the_clear_in_the_file_and_under_another_key_where_it_arrives(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await join(founded(OWNER), ANN)
    await write_profile(founded)
    *_, profile = await exported(here)
    await imported(elsewhere, await exported(here))

    assert json.loads(profile.body)["profile"] == {**ANNS_PROFILE, "person_id": str(ANN)}
    assert await sealed(elsewhere) != await sealed(here)
    there = await Profiles(elsewhere).read(ORGANIZATION, ANN)
    assert there == await Profiles(here).read(ORGANIZATION, ANN)


async def sealed(database: Database) -> list[tuple[bytes, bytes]]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "select key, box from person_keys join profiles using (org_id, person_id)"
        )
    return [(row["key"], row["box"]) for row in rows]


async def test_an_erased_person_stays_erased(founded: Clients, here: Database, elsewhere: Database) -> None:
    await join(founded(OWNER), ANN)
    await write_profile(founded)
    before = await exported(here)
    await imported(elsewhere, before)
    await founded(OWNER).post(f"/v1/members/{ANN}/erase", json={})
    after = await exported(here)
    assert [item.kind for item in after] == ["event"] * len(after)

    # The events of the later export, and the profile of the one that was made before: nothing comes back.
    await Profiles(elsewhere).erase(ORGANIZATION, ANN)
    assert await imported(elsewhere, [*after, before[-1]]) == Counter(
        {"events that were here": 3, "events recorded": 2, "profiles of erased people left out": 1}
    )
    assert await sealed(elsewhere) == []


async def test_the_profile_that_was_written_more_often_wins(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await join(founded(OWNER), ANN)
    await write_profile(founded, "Ann")
    first = await exported(here)
    await write_profile(founded)
    second = await exported(here)
    await imported(elsewhere, first)

    assert (await imported(elsewhere, second))["profiles sealed"] == 1
    assert (await imported(elsewhere, first))["profiles that were here"] == 1
    assert stays(await exported(elsewhere)) == stays(second)


async def test_an_offboarding_stays_behind(
    founded: Clients, operator_log: Log, here: Database, elsewhere: Database
) -> None:
    await organizations.offboard(operator_log, ORGANIZATION, "Moved house")

    counts = await imported(elsewhere, await exported(here))

    assert counts == Counter({"events recorded": 2, "offboardings left out": 1})
    assert stays(await exported(elsewhere)) == stays(await exported(here))[:-1]


async def test_an_import_that_broke_off_goes_on(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await join(founded(OWNER), ANN)
    items = await exported(here)

    assert await imported(elsewhere, items[:2]) == Counter({"events recorded": 2})
    assert await imported(elsewhere, items) == Counter({"events recorded": 1, "events that were here": 2})


async def test_what_is_none_of_the_organizations_is_refused_by_its_line(
    here: Database, founded: Clients
) -> None:
    (event, *_) = await exported(here)
    foreign = event.body.replace(str(ORGANIZATION).encode(), str(UUID(int=5)).encode())

    for item, reason in (
        (Item("event", b"{}", 7), "line 7: not an event of ours"),
        (Item("event", foreign, 7), "line 7: an event of another organization"),
        (Item("profile", b"{}", 7), "line 7: not a profile"),
        (Item("subscription", b"{}", 7), "line 7: projects keeps no subscription"),
    ):
        with pytest.raises(NotImportable, match=reason):
            await imported(here, [item])


async def test_another_history_of_the_same_stream_is_refused(
    founded: Clients, here: Database, elsewhere: Database
) -> None:
    await organizations.found(Log(elsewhere), ORGANIZATION, "Apollo program", ANN)

    with pytest.raises(NotImportable, match="has another history in this log"):
        await imported(elsewhere, await exported(here))

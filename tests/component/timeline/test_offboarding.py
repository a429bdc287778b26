"""What timeline keeps of an organization goes some time after it was offboarded, and does not come back."""

import asyncpg
import pytest

from libs.access import offboarding
from libs.access.offboarding import Offboarding
from libs.access.projecting import CHECKPOINT_NAME, AccessHandler
from libs.events.access import OrganizationOffboarded
from libs.events.portfolio import ProjectProposed, StateCategory
from libs.events.raid import IssueRaised
from libs.events.schedule import MilestonePlanned
from services.timeline import projections
from services.timeline.projections import PROJECTIONS
from tests.component.timeline.conftest import Timeline
from tests.support.access_history import AccessHistory
from tests.support.history import ORG, an_id
from tests.support.stored import tables_naming, tables_of_organizations

NAMES = [*projections.names(), CHECKPOINT_NAME]
OTHER = an_id("another organization")


async def lived_in(timeline: Timeline) -> None:
    """Something in every read model, of two organizations, one of which is offboarded at the end."""
    history = AccessHistory(1, 60)
    for org_id in (ORG, OTHER):
        project_id = an_id(f"project of {org_id}")
        for aggregate, data in (
            ("project", ProjectProposed(project_id=project_id, name="Lander")),
            ("milestone", MilestonePlanned(project_id=project_id, name="Landing")),
            (
                "issue",
                IssueRaised(project_id=project_id, title="Leak", state="Open", category=StateCategory.TODO),
            ),
        ):
            entity_id = project_id if aggregate == "project" else an_id(f"{aggregate} of {org_id}")
            history.record(aggregate, entity_id, data, org_id=org_id)
    history.record("organization", ORG, OrganizationOffboarded())
    timeline.history.events[:] = history.events
    timeline.projections = [*projections.all_projections(), AccessHandler()]
    await timeline.tell()


async def naming(timeline: Timeline, needle: object) -> dict[str, int]:
    connection = await asyncpg.connect(timeline.fresh.admin_dsn)
    try:
        return dict(await tables_naming(connection, needle))
    finally:
        await connection.close()


async def forget(timeline: Timeline) -> None:
    running = Offboarding(timeline.database, NAMES, 30)
    while await running.forget():
        pass


async def test_only_that_it_was_here_is_left(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offboarding, "PORTION", 7)
    await lived_in(timeline)
    others = await naming(timeline, OTHER)
    assert len(await naming(timeline, ORG)) >= 15

    await forget(timeline)

    assert await naming(timeline, ORG) == {"public.access_organizations": 1}
    assert await naming(timeline, OTHER) == others


async def test_a_rebuild_does_not_bring_it_back(timeline: Timeline) -> None:
    await lived_in(timeline)
    others, moments = await naming(timeline, OTHER), await timeline.rows("moments")
    await forget(timeline)

    for title in PROJECTIONS:
        await timeline.rebuild(title)

    assert await naming(timeline, ORG) == {"public.access_organizations": 1}
    # The read models that were replaced are kept for a rollback, so what others have is there twice.
    assert set(others) <= set(await naming(timeline, OTHER))
    assert await timeline.rows("moments") == moments


async def test_it_is_kept_as_long_as_was_said(timeline: Timeline) -> None:
    await lived_in(timeline)
    before = await naming(timeline, ORG)

    assert await Offboarding(timeline.database, NAMES, 3_650).forget() == 0

    assert await naming(timeline, ORG) == before


async def test_nothing_goes_before_everything_has_come_to_its_end(timeline: Timeline) -> None:
    await lived_in(timeline)
    async with timeline.database.connection() as connection:
        await connection.execute("update checkpoints set position = position - 1 where name = $1", NAMES[2])
    assert await Offboarding(timeline.database, NAMES, 0).forget() == 0

    async with timeline.database.connection() as connection:
        await connection.execute("delete from checkpoints where name = $1", NAMES[2])
    assert await Offboarding(timeline.database, NAMES, 0).forget() == 0


async def test_every_table_is_emptied_or_kept_on_purpose(timeline: Timeline) -> None:
    async with timeline.database.connection() as connection:
        emptied = {row[0] for row in await connection.fetch(offboarding.TABLES, list(offboarding.KEPT))}
        assert await tables_of_organizations(connection) - emptied == set(offboarding.KEPT)

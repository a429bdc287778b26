"""`python -m services.projects organization`: found, export, import and offboard organizations, as their operator."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from libs.access import organization_commands
from libs.access.organization_commands import MovingHouse, OrganizationId, console
from libs.chassis.organization_files import Item, Report
from libs.chassis.postgres import Database
from libs.events.log.log import Log
from libs.events.log.selecting import EventPages
from services.projects import moving_house, organizations
from services.projects.profiles import Profiles
from services.projects.settings import ProjectsSettings

Result = TypeVar("Result")


def _dsn() -> str:
    return ProjectsSettings().database_url.get_secret_value()


def _export(database: Database, organization_id: UUID, report: Report) -> AsyncIterator[Item]:
    return moving_house.export(EventPages(database), Profiles(database), organization_id, report)


async def _take_in(database: Database, organization_id: UUID, items: Iterator[Item]) -> Counter[str]:
    return await moving_house.take_in(Log(database), Profiles(database), organization_id, items)


cli = organization_commands.commands(MovingHouse("projects", _dsn, _export, _take_in), __doc__)


@cli.command()
def found(
    organization_id: OrganizationId,
    name: Annotated[str, typer.Option(help="What it is called.")],
    owner: Annotated[UUID, typer.Option(help="Its first owner: the person's id.")],
) -> None:
    """Begin an organization with its first owner, who makes everybody else a member. Harmless when repeated."""
    position = _run(
        "found",
        organization_id,
        lambda database: organizations.found(Log(database), organization_id, name, owner),
    )
    console.print(f"{name} ({organization_id}) is founded, owned by {owner}; position {position:,}")


@cli.command()
def offboard(
    organization_id: OrganizationId,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
) -> None:
    """End an organization's use of Milepost: its people and keys get in no more."""
    position = _run(
        "offboard",
        organization_id,
        lambda database: organizations.offboard(Log(database), organization_id, reason),
    )
    console.print(f"{organization_id} is offboarded; position {position:,}")


def _run(command: str, organization_id: UUID, work: Callable[[Database], Awaitable[Result]]) -> Result:
    return organization_commands.run(_dsn(), command, organization_id, work)

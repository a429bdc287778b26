"""`python -m services.projects organization`: found, export, import and offboard organizations, as their operator."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from libs.access import operator_commands
from libs.access.operator_commands import console, told
from libs.chassis.organization_files import NotImportable
from libs.chassis.postgres import Database
from libs.events.log.log import Log
from libs.events.log.selecting import EventPages
from services.projects import moving_house, organizations
from services.projects.moving_house import SERVICE
from services.projects.profiles import Profiles
from services.projects.settings import ProjectsSettings

Result = TypeVar("Result")

cli = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
OrganizationId = Annotated[UUID, typer.Argument(help="The organization's id.")]


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


@cli.command()
def export(
    organization_id: OrganizationId,
    file: Annotated[Path, typer.Argument(help="Where to write it; `-` is the standard output.")],
) -> None:
    """Write the events and profiles of an organization as NDJSON, for `import` in another installation."""
    counts = _run(
        "export",
        organization_id,
        lambda database: operator_commands.export(
            file,
            SERVICE,
            organization_id,
            lambda report: moving_house.export(
                EventPages(database), Profiles(database), organization_id, report
            ),
        ),
    )
    console.print(f"exported: {told(counts)}")


@cli.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="An export.", exists=True, dir_okay=False)],
) -> None:
    """Record an export here. Interrupted, it is run again with the same file."""
    try:
        organization_id = operator_commands.checked(file, SERVICE)
        counts = _run(
            "import",
            organization_id,
            lambda database: operator_commands.take_in(
                file,
                lambda items: moving_house.take_in(Log(database), Profiles(database), organization_id, items),
            ),
        )
    except NotImportable as error:
        raise typer.BadParameter(str(error)) from None
    console.print(f"imported: {told(counts)}")


def _run(command: str, organization_id: UUID, work: Callable[[Database], Awaitable[Result]]) -> Result:
    dsn = ProjectsSettings().database_url.get_secret_value()
    return operator_commands.run(dsn, command, organization_id, work)

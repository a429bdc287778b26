"""`python -m services.projects organization`: found, export, import and offboard organizations, as their operator."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress

from libs.access.access_log.entries import NO_ORGANIZATION, operator_name, record_operator
from libs.chassis.postgres import Database
from libs.events.log.log import Log
from libs.events.log.selecting import EventPages
from services.projects import organizations
from services.projects.settings import ProjectsSettings

cli = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
OrganizationId = Annotated[UUID, typer.Argument(help="The organization's id.")]
console = Console(stderr=True)


@cli.command()
def found(
    organization_id: OrganizationId,
    name: Annotated[str, typer.Option(help="What it is called.")],
    owner: Annotated[UUID, typer.Option(help="Its first owner: the person's id.")],
) -> None:
    """Begin an organization with its first owner, who makes everybody else a member. Harmless when repeated."""
    position = _with_database(
        lambda database: organizations.found(Log(database), organization_id, name, owner),
        "found",
        organization_id,
    )
    console.print(f"{name} ({organization_id}) is founded, owned by {owner}; position {position:,}")


@cli.command()
def offboard(
    organization_id: OrganizationId,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
) -> None:
    """End an organization's use of Milepost: its people and keys get in no more. Export it first."""
    position = _with_database(
        lambda database: organizations.offboard(Log(database), organization_id, reason),
        "offboard",
        organization_id,
    )
    console.print(f"{organization_id} is offboarded; position {position:,}")


@cli.command()
def export(
    organization_id: OrganizationId,
    file: Annotated[Path, typer.Argument(help="Where to write it; `-` is the standard output.")],
) -> None:
    """Write every event of an organization as NDJSON, which `import` records in another installation."""
    total = _with_database(
        lambda database: _export(EventPages(database), organization_id, file), "export", organization_id
    )
    console.print(f"{total:,} lines exported")


@cli.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="An export.", exists=True, dir_okay=False)],
) -> None:
    """Record an export here. Interrupted, it is run again with the same file."""
    size = file.stat().st_size
    try:
        imported = _with_database(lambda database: _import(Log(database), file, size), "import")
    except organizations.NotImportable as error:
        raise typer.BadParameter(str(error)) from None
    console.print(f"{imported.recorded:,} events recorded, {imported.known:,} were here already")


async def _export(pages: EventPages, organization_id: UUID, file: Path) -> int:
    lines = 0
    with _output(file) as output, Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("exporting", total=None)
        async for line in organizations.export(
            pages, organization_id, lambda reached, head: bar.update(task, completed=reached, total=head)
        ):
            output.write(line)
            lines += 1
    return lines


def _output(file: Path) -> Any:
    return open(sys.stdout.fileno(), "wb", closefd=False) if str(file) == "-" else file.open("wb")


async def _import(log: Log, file: Path, size: int) -> organizations.Imported:
    with file.open("rb") as lines, Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("importing", total=size)
        counted = _counted(lines, lambda bytes_read: bar.advance(task, bytes_read))
        return await organizations.import_lines(log, counted)


def _counted(lines: Iterable[bytes], report: Callable[[int], None]) -> Iterable[bytes]:
    for line in lines:
        report(len(line))
        yield line


def _with_database(
    work: Callable[[Database], Coroutine[Any, Any, Any]],
    command: str,
    organization_id: UUID = NO_ORGANIZATION,
) -> Any:
    """Run the work of a command, which the access log knows of first."""
    return asyncio.run(_connected(work, f"organization {command}", organization_id))


async def _connected(
    work: Callable[[Database], Coroutine[Any, Any, Any]], command: str, organization_id: UUID
) -> Any:
    async with _database() as database:
        async with database.transaction() as connection:
            await record_operator(connection, operator_name(), command, organization_id)
        return await work(database)


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    dsn = ProjectsSettings().database_url.get_secret_value()
    database = await Database.connect(dsn, application_name="projects operator", connections_max=2)
    try:
        yield database
    finally:
        await database.close()

"""`organization export` and `import`, which every service has that keeps something of its own about organizations.

A command of an operator is in the access log before it does anything.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress

from libs.access.access_log.entries import operator_name, record_operator
from libs.chassis import organization_files
from libs.chassis.organization_files import Item, NotImportable, Report
from libs.chassis.postgres import Database

STANDARD_OUTPUT = Path("-")
STATEMENT_SECONDS = 300.0

Result = TypeVar("Result")
OrganizationId = Annotated[UUID, typer.Argument(help="The organization's id.")]
Output = Annotated[Path, typer.Argument(help="Where to write it; `-` is the standard output.")]
Export = Annotated[Path, typer.Argument(help="An export of this service.", exists=True, dir_okay=False)]

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class MovingHouse:
    """How one service writes down what it keeps of an organization, and how it takes that in somewhere else.

    `dsn` is asked when a command runs. `take_in` counts what became of the items; it raises `NotImportable`.
    """

    service: str
    dsn: Callable[[], str]
    export: Callable[[Database, UUID, Report], AsyncIterator[Item]]
    take_in: Callable[[Database, UUID, Iterator[Item]], Awaitable[Counter[str]]]


def commands(moving: MovingHouse, description: str | None) -> typer.Typer:
    """`export` and `import` of a service, to which it adds its own."""
    cli = typer.Typer(no_args_is_help=True, help=description, pretty_exceptions_enable=False)

    @cli.command()
    def export(organization_id: OrganizationId, file: Output) -> None:
        """Write what this service keeps of an organization as NDJSON, for `import` in another installation."""
        counts = run(
            moving.dsn(),
            "export",
            organization_id,
            lambda database: _export(moving, database, organization_id, file),
        )
        console.print(f"exported: {_told(counts)}", soft_wrap=True)

    @cli.command("import")
    def import_file(file: Export) -> None:
        """Take an export in. Interrupted, it is run again with the same file."""
        try:
            with _lines(file, "checking") as lines:
                organization_id = organization_files.checked(moving.service, lines)
            counts = run(
                moving.dsn(),
                "import",
                organization_id,
                lambda database: _import(moving, database, organization_id, file),
            )
        except NotImportable as error:
            raise typer.BadParameter(str(error)) from None
        console.print(f"imported: {_told(counts)}", soft_wrap=True)

    return cli


def run(
    dsn: str, command: str, organization_id: UUID, work: Callable[[Database], Awaitable[Result]]
) -> Result:
    """Note the command, and do its work with a database."""
    return asyncio.run(_run(dsn, command, organization_id, work))


async def _run(
    dsn: str, command: str, organization_id: UUID, work: Callable[[Database], Awaitable[Result]]
) -> Result:
    database = await Database.connect(
        dsn,
        application_name="operator",
        connections_max=2,
        statement_timeout_seconds=STATEMENT_SECONDS,
        patience_seconds=5,
    )
    try:
        async with database.transaction() as connection:
            await record_operator(connection, operator_name(), f"organization {command}", organization_id)
        return await work(database)
    finally:
        await database.close()


async def _export(moving: MovingHouse, database: Database, organization_id: UUID, file: Path) -> Counter[str]:
    counts = Counter[str]()
    with _output(file) as output, _bar() as bar:
        task = bar.add_task("exporting", total=None)

        def report(reached: int, last: int) -> None:
            bar.update(task, completed=reached, total=last)

        items = moving.export(database, organization_id, report)
        async for line in organization_files.written(moving.service, organization_id, items, counts):
            output.write(line)
    return counts


async def _import(moving: MovingHouse, database: Database, organization_id: UUID, file: Path) -> Counter[str]:
    with _lines(file, "importing") as lines:
        return await moving.take_in(database, organization_id, organization_files.items_of(lines))


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{what}: {count:,}" for what, count in sorted(counts.items())) or "nothing"


def _bar() -> Progress:
    return Progress(console=console, disable=not console.is_terminal)


def _output(file: Path) -> BinaryIO:
    if file == STANDARD_OUTPUT:
        return open(sys.stdout.fileno(), "wb", closefd=False)
    # Exports name people: nobody else on this machine reads one.
    return open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600))


@contextmanager
def _lines(file: Path, doing: str) -> Iterator[Iterator[bytes]]:
    with file.open("rb") as opened, _bar() as bar:
        task = bar.add_task(doing, total=file.stat().st_size)
        yield _reporting(organization_files.lines_of(opened), lambda size: bar.advance(task, size))


def _reporting(lines: Iterator[bytes], report: Callable[[int], None]) -> Iterator[bytes]:
    for line in lines:
        yield line
        report(len(line))

"""What the commands of operators about whole organizations have in common: the database, a file, a progress bar.

Each is in the access log before it does anything.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar
from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from libs.access.access_log.entries import operator_name, record_operator
from libs.chassis import organization_files
from libs.chassis.organization_files import Item, Report
from libs.chassis.postgres import Database

STANDARD_OUTPUT = Path("-")
STATEMENT_SECONDS = 300.0

Result = TypeVar("Result")
Exporting = Callable[[Report], AsyncIterator[Item]]

console = Console(stderr=True)


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


async def export(file: Path, service: str, organization_id: UUID, items: Exporting) -> Counter[str]:
    """Write a file only its owner may read; returns how many lines of each kind it has. `-` is the standard output."""
    counts = Counter[str]()
    with _output(file) as output, _bar() as bar:
        task = bar.add_task("exporting", total=None)

        def report(reached: int, last: int) -> None:
            bar.update(task, completed=reached, total=last)

        async for line in organization_files.written(service, organization_id, items(report), counts):
            output.write(line)
    return counts


def checked(file: Path, service: str) -> UUID:
    """Whose export a file is; raises `NotImportable` unless it is whole and of this service."""
    with _input(file, "checking") as lines:
        return organization_files.checked(service, lines)


async def take_in(file: Path, take: Callable[[Iterator[Item]], Awaitable[Counter[str]]]) -> Counter[str]:
    """Hand on what a checked file has; returns what became of it."""
    with _input(file, "importing") as lines:
        return await take(organization_files.items_of(lines))


def told(counts: Counter[str]) -> str:
    """Counts as a sentence."""
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items())) or "nothing"


def _bar() -> Progress:
    return Progress(console=console, disable=not console.is_terminal)


def _output(file: Path) -> BinaryIO:
    if file == STANDARD_OUTPUT:
        return open(sys.stdout.fileno(), "wb", closefd=False)
    # Exports name people: nobody else on this machine reads one.
    return open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600))


@contextmanager
def _input(file: Path, doing: str) -> Iterator[Iterator[bytes]]:
    with file.open("rb") as opened, _bar() as bar:
        task = bar.add_task(doing, total=file.stat().st_size)
        yield _reporting(organization_files.lines_of(opened), lambda size: bar.advance(task, size))


def _reporting(lines: Iterator[bytes], report: Callable[[int], None]) -> Iterator[bytes]:
    for line in lines:
        yield line
        report(len(line))
